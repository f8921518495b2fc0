/** Who comes in: passwords, key pairs, tokens. What was registered for a user is verified; a twin without users takes everyone. */
import { createHash, createPublicKey, timingSafeEqual, verify } from 'node:crypto'
import { SnowflakeError } from '../sql/snowflake-error.ts'
import { asObject, asText, type JsonObject } from './wire-message.ts'

/** Credentials of a user; all absent: everything is accepted from them. */
export interface UserCredentials {
  readonly password?: string | undefined
  /** `RSA_PUBLIC_KEY` and `RSA_PUBLIC_KEY_2`: PEM, or only the base64 lines of one. */
  readonly publicKeys?: readonly string[] | undefined
  /** Programmatic access tokens and OAuth access tokens. */
  readonly tokens?: readonly string[] | undefined
  readonly isDisabled?: boolean | undefined
}

export interface LoginRequest {
  readonly account: string | undefined
  /** In capitals, as Snowflake looks users up. Undefined: the token tells. */
  readonly user: string | undefined
  readonly authenticator: string
  readonly password: string | undefined
  readonly token: string | undefined
  readonly parameters: JsonObject
  readonly client: string
}

export function readLogin(body: JsonObject): LoginRequest {
  const data = asObject(body.data)
  return {
    account: asText(data.ACCOUNT_NAME),
    user: asText(data.LOGIN_NAME)?.toUpperCase(),
    authenticator: (asText(data.AUTHENTICATOR) ?? 'SNOWFLAKE').toUpperCase(),
    password: asText(data.PASSWORD),
    token: asText(data.TOKEN),
    parameters: asObject(data.SESSION_PARAMETERS),
    client: `${asText(data.CLIENT_APP_ID) ?? 'unknown'} ${asText(data.CLIENT_APP_VERSION) ?? ''}`.trim(),
  }
}

/** Of the twin. */
export interface LoginPlace {
  readonly account: string
  readonly nowMs: number
}

/** Throws with Snowflake's code for what is wrong. */
export function verifyLogin(login: LoginRequest, credentials: UserCredentials, place: LoginPlace): void {
  if (credentials.isDisabled === true)
    throw refused('390101', 'User access disabled. Contact your local system administrator.')
  const { password, publicKeys, tokens } = credentials
  if (password === undefined && publicKeys === undefined && tokens === undefined) return
  switch (login.authenticator) {
    case 'SNOWFLAKE':
    case 'USERNAME_PASSWORD_MFA':
      if (password === undefined || !isSame(login.password, password))
        throw refused('390100', 'Incorrect username or password was specified.')
      return
    case 'SNOWFLAKE_JWT':
      verifyKeyPair(login, publicKeys ?? [], place)
      return
    case 'PROGRAMMATIC_ACCESS_TOKEN':
      if (!holds(tokens, login.token)) throw refused('394400', 'Programmatic access token is invalid.')
      return
    case 'OAUTH':
      if (!holds(tokens, login.token)) throw refused('390303', 'Invalid OAuth access token.')
      return
    default:
      throw refused('390178', `Unsupported authenticator ${login.authenticator}`)
  }
}

/**
 * RS256 with `iss` = ACCOUNT.USER.SHA256:fingerprint and `sub` = ACCOUNT.USER. The Node driver gives times in
 * milliseconds where the standard says seconds; Snowflake takes both, and so does this.
 */
function verifyKeyPair(login: LoginRequest, publicKeys: readonly string[], { account, nowMs }: LoginPlace): void {
  const [header = '', payload = '', signature = ''] = (login.token ?? '').split('.')
  const claims = parsedPart(payload)
  const issuer = asText(claims.iss) ?? ''
  const key = publicKeys.map(pem).find((candidate) => issuer.endsWith(`.${fingerprint(candidate)}`))
  const signed = Buffer.from(`${header}.${payload}`)
  const isSigned =
    key !== undefined &&
    parsedPart(header).alg === 'RS256' &&
    verify('RSA-SHA256', signed, key, Buffer.from(signature, 'base64url'))
  const subject = `${account.toUpperCase()}.${login.user ?? ''}`
  const expiresAt = typeof claims.exp === 'number' ? claims.exp * (claims.exp < 1e11 ? 1000 : 1) : 0
  if (!isSigned || claims.sub !== subject || !issuer.startsWith(`${subject}.`) || expiresAt < nowMs)
    throw refused('390144', 'JWT token is invalid.')
}

export function fingerprint(publicKey: string): string {
  const der = createPublicKey(publicKey).export({ format: 'der', type: 'spki' })
  return `SHA256:${createHash('sha256').update(der).digest('base64')}`
}

function pem(key: string): string {
  return key.includes('BEGIN')
    ? key
    : `-----BEGIN PUBLIC KEY-----\n${key.replaceAll(/\s+/g, '').replaceAll(/(.{64})/g, '$1\n')}\n-----END PUBLIC KEY-----\n`
}

function parsedPart(part: string): JsonObject {
  try {
    return asObject(JSON.parse(Buffer.from(part, 'base64url').toString('utf8')))
  } catch {
    throw refused('390144', 'JWT token is invalid.')
  }
}

function holds(tokens: readonly string[] | undefined, token: string | undefined): boolean {
  return (tokens ?? []).some((candidate) => isSame(token, candidate))
}

function isSame(given: string | undefined, expected: string): boolean {
  const [left, right] = [sha256(given ?? ''), sha256(expected)]
  return given !== undefined && timingSafeEqual(left, right)
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function refused(code: string, message: string): SnowflakeError {
  return new SnowflakeError(code, '08001', message)
}
