/** Where the tables go, asked or given: the destination of a first configuration file. */
import { PipelineError } from '../core/errors.ts'
import { yamlText } from './yaml-text.ts'

export interface DestinationOptions {
  /** DuckDB file. */
  readonly destination?: string
  /** Account of Snowflake. */
  readonly snowflake?: string
  readonly user?: string
  readonly database?: string
  readonly privateKey?: string
}

export interface ChosenDestination {
  /** The part of the file, from its first line on. */
  readonly yaml: string
  /** Variables that it names, with what stands for each in `.env.example`. */
  readonly variables: Readonly<Record<string, string>>
  readonly isSnowflake: boolean
}

/** `given` as an option, else the answer, else `fallback`. */
export type Answer = (given: string | undefined, question: string, fallback: string) => Promise<string>

const KEY_VARIABLE = 'SNOWFLAKE_PRIVATE_KEY_PATH'
const ACCOUNT = /^[A-Za-z0-9][\w-]*(?:\.[\w-]+)*$/
const DUCKDB_FILE = 'warehouse.duckdb'

export async function chooseDestination(options: DestinationOptions, answer: Answer): Promise<ChosenDestination> {
  const { destination, snowflake, user, database, privateKey } = options
  const ofSnowflake = { snowflake, user, database, 'private-key': privateKey }
  const [flag] = Object.entries(ofSnowflake).find(([, value]) => value !== undefined) ?? []
  if (destination !== undefined && flag !== undefined) {
    throw new PipelineError('config_invalid', 'Choosing the destination', {
      cause: `--destination is a DuckDB file, and --${flag} belongs to Snowflake`,
      hint: 'Leave one of them out',
    })
  }
  const kind = destination !== undefined ? 'duckdb' : flag !== undefined ? 'snowflake' : undefined
  const chosen = (await answer(kind, 'Destination: duckdb or snowflake', 'duckdb')).toLowerCase()
  if (chosen === 'duckdb') {
    return duckDbFile(await answer(destination, 'DuckDB file', DUCKDB_FILE))
  }
  if (chosen !== 'snowflake') {
    throw new PipelineError('config_invalid', `Choosing the destination ${JSON.stringify(chosen)}`, {
      cause: 'it is neither duckdb nor snowflake',
      hint: 'Answer duckdb or snowflake',
    })
  }
  const account = accountOf(await answer(snowflake, 'Snowflake account, such as myorg-account', ''))
  return {
    yaml: `destination:
  type: snowflake
  account: ${yamlText(account)}
  user: ${yamlText(await answer(user, 'Snowflake user', 'SIMPLYLOAD'))}
  database: ${yamlText(sqlName(await answer(database, 'Snowflake database', 'ANALYTICS')))}
  private_key_path: \${${KEY_VARIABLE}}
  # private_key_passphrase: \${SNOWFLAKE_KEY_PASSPHRASE}
`,
    variables: { [KEY_VARIABLE]: await answer(privateKey, 'File of the private key', 'keys/rsa_key.p8') },
    isSnowflake: true,
  }
}

export function duckDbFile(path = DUCKDB_FILE): ChosenDestination {
  return {
    yaml: `destination: { type: duckdb, path: ${yamlText(path)} }\n`,
    variables: {},
    isSnowflake: false,
  }
}

/** As SQL takes it: quoted where it is not plain. */
function sqlName(name: string): string {
  return /^(?:[A-Za-z_][\w$]*|".+")$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

/** Addresses of an account are taken too. */
function accountOf(text: string): string {
  const account = text.replace(/^https?:\/\//i, '').replace(/\.snowflakecomputing\.com.*$/i, '')
  if (ACCOUNT.test(account)) return account
  throw new PipelineError('config_invalid', `Naming the Snowflake account ${JSON.stringify(text)}`, {
    cause: 'an account is named as myorg-account',
    hint: 'Name it: --snowflake myorg-account. Snowsight shows it under Account details; SELECT CURRENT_ORGANIZATION_NAME(), CURRENT_ACCOUNT_NAME() tells both parts',
  })
}
