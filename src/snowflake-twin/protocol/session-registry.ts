/** Sessions by their tokens. A token is renewed with the master token that came with it. */
import { randomBytes } from 'node:crypto'
import { ADMIN_ROLE, mayUseRole, SYSTEM_ROLES } from '../catalog/access-control.ts'
import type { PlainOptions } from '../catalog/catalog-objects.ts'
import { Session, type SessionPlace } from '../session.ts'
import { SnowflakeError } from '../sql/snowflake-error.ts'
import type { TwinState } from '../twin-state.ts'
import { readLogin, type UserCredentials, verifyLogin } from './login.ts'
import { asText, type JsonObject, REPLY_CODE, type Reply, success } from './wire-message.ts'

interface Tokens {
  readonly token: string
  readonly masterToken: string
}

export class SessionRegistry {
  readonly #state: TwinState
  readonly #isAccountChecked: boolean
  readonly #areStrangersRefused: () => boolean
  readonly #byToken = new Map<string, Session>()
  readonly #byMaster = new Map<string, Session>()
  readonly #expired = new Set<string>()
  #lastId = Math.floor(Date.now() / 1000) * 1000

  /** `areStrangersRefused`: whether a user that was never registered may not come in. */
  constructor(state: TwinState, isAccountChecked: boolean, areStrangersRefused: () => boolean) {
    this.#state = state
    this.#isAccountChecked = isAccountChecked
    this.#areStrangersRefused = areStrangersRefused
  }

  /** A login to another account finds nobody here. */
  serves(body: JsonObject): boolean {
    return !this.#isAccountChecked || readLogin(body).account?.toUpperCase().split('.')[0] === this.#state.account
  }

  async login(
    body: JsonObject,
    query: URLSearchParams,
  ): Promise<{ readonly session: Session; readonly tokens: Tokens }> {
    const login = readLogin(body)
    const { catalog, account, clock } = this.#state
    const user = login.user ?? 'TOKEN_USER'
    const registered = catalog.find('user', user)
    if (registered === undefined && this.#areStrangersRefused())
      throw new SnowflakeError('390100', '08001', 'Incorrect username or password was specified.')
    verifyLogin(login, credentialsOf(registered?.options ?? {}), { account, nowMs: clock.nowMs() })
    const session = await this.open(user, login.client, this.#place(user, registered?.options ?? {}, query))
    for (const [name, value] of Object.entries(login.parameters)) session.parameters.set(name, value)
    const tokens = newTokens()
    this.#byToken.set(tokens.token, session)
    this.#byMaster.set(tokens.masterToken, session)
    return { session, tokens }
  }

  /** A session without tokens, for SQL from within this process. */
  async open(user: string, client: string, place: SessionPlace): Promise<Session> {
    this.#lastId += 1
    const { instance, locks, versions, sizes, sessions } = this.#state
    const session = await Session.open({ id: String(this.#lastId), user, client, place }, instance, {
      locks,
      versions,
      onCommit: (deltas) => {
        for (const delta of deltas) sizes.add(delta)
      },
    })
    sessions.set(session.id, session)
    return session
  }

  /** Undefined for a request without a session. */
  peek(authorization: string | undefined): Session | undefined {
    return this.#byToken.get(tokenOf(authorization))
  }

  /** Throws what makes a driver renew its token or log in again. */
  session(authorization: string | undefined): Session {
    const token = tokenOf(authorization)
    if (this.#expired.has(token))
      throw new SnowflakeError(
        REPLY_CODE.sessionExpired,
        '08001',
        'Authentication token has expired.  The user must authenticate again.',
      )
    const session = this.#byToken.get(token)
    if (session === undefined)
      throw new SnowflakeError(REPLY_CODE.tokenInvalid, '08001', 'Authentication token is invalid')
    if (session.isClosed)
      throw new SnowflakeError(
        REPLY_CODE.sessionGone,
        '08001',
        'Session no longer exists.  New login required to access the service.',
      )
    return session
  }

  renew(authorization: string | undefined): Reply {
    const master = tokenOf(authorization)
    const session = this.#byMaster.get(master)
    if (session === undefined || session.isClosed)
      throw new SnowflakeError(
        REPLY_CODE.masterExpired,
        '08001',
        'Authentication token has expired.  The user must authenticate again.',
      )
    this.expire(session)
    const { token, masterToken } = newTokens()
    this.#byMaster.delete(master)
    this.#byToken.set(token, session)
    this.#byMaster.set(masterToken, session)
    return success({
      sessionToken: token,
      masterToken,
      validityInSecondsST: 3600,
      validityInSecondsMT: 14400,
      sessionId: Number(session.id),
    })
  }

  /** Its token is taken no more; the session goes on with a new one. */
  expire(session: Session): void {
    for (const [token, holder] of this.#byToken)
      if (holder === session) {
        this.#byToken.delete(token)
        this.#expired.add(token)
      }
  }

  async close(session: Session): Promise<void> {
    this.#state.sessions.delete(session.id)
    await session.close()
  }

  /** Names of the connection as SQL would read them: in capitals without quotes. What does not exist is left out, as Snowflake does. */
  #place(user: string, options: PlainOptions, query: URLSearchParams): SessionPlace {
    const { catalog } = this.#state
    const wanted = (name: string, option: string): string | undefined =>
      identifier(query.get(name) ?? asText(options[option]) ?? undefined)
    const role = this.#role(user, wanted('roleName', 'DEFAULT_ROLE'))
    const [namespaceDatabase, namespaceSchema] = (asText(options.DEFAULT_NAMESPACE) ?? '').split('.')
    const database = identifier(query.get('databaseName') ?? namespaceDatabase)
    const schema = identifier(query.get('schemaName') ?? namespaceSchema) ?? 'PUBLIC'
    const hasDatabase = database !== undefined && catalog.find('database', database) !== undefined
    const warehouse = wanted('warehouse', 'DEFAULT_WAREHOUSE')
    return {
      database: hasDatabase ? database : undefined,
      schema: hasDatabase && catalog.find('schema', database, schema) !== undefined ? schema : undefined,
      warehouse: warehouse !== undefined && catalog.find('warehouse', warehouse) !== undefined ? warehouse : undefined,
      role,
    }
  }

  #role(user: string, wanted: string | undefined): string {
    const { catalog } = this.#state
    const role = wanted ?? (catalog.find('user', user) === undefined ? ADMIN_ROLE : 'PUBLIC')
    const exists = SYSTEM_ROLES.includes(role) || catalog.find('role', role) !== undefined
    if (exists && mayUseRole(catalog, user, role)) return role
    throw new SnowflakeError(
      '390189',
      '08001',
      `Role '${role}' specified in the connect string does not exist or not authorized. Contact your local system administrator, or attempt to login with another role, e.g. PUBLIC.`,
    )
  }
}

function credentialsOf(options: PlainOptions): UserCredentials {
  const keys = [asText(options.RSA_PUBLIC_KEY), asText(options.RSA_PUBLIC_KEY_2)].filter((key) => key !== undefined)
  const tokens = Array.isArray(options.TOKENS) ? options.TOKENS.map(String) : undefined
  return {
    password: asText(options.PASSWORD),
    publicKeys: keys.length === 0 ? undefined : keys,
    tokens,
    isDisabled: options.DISABLED === true,
  }
}

function identifier(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined
  return text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text.toUpperCase()
}

function tokenOf(authorization: string | undefined): string {
  return /^Snowflake Token="([^"]*)"$/.exec(authorization ?? '')?.[1] ?? ''
}

function newTokens(): Tokens {
  return {
    token: `session:${randomBytes(24).toString('hex')}`,
    masterToken: `master:${randomBytes(24).toString('hex')}`,
  }
}
