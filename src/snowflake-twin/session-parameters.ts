/** Session parameters with Snowflake's defaults; a change is checked against the kind of value that the parameter takes. */
import { compilationError } from './refusals.ts'

export type ParameterValue = string | number | boolean

/** Of the ones that change what the twin does, or that drivers read in every result. */
const DEFAULTS: Readonly<Record<string, ParameterValue>> = {
  ABORT_DETACHED_QUERY: false,
  AUTOCOMMIT: true,
  BINARY_INPUT_FORMAT: 'HEX',
  BINARY_OUTPUT_FORMAT: 'HEX',
  CLIENT_PREFETCH_THREADS: 4,
  CLIENT_SESSION_KEEP_ALIVE: false,
  CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY: 3600,
  CLIENT_STAGE_ARRAY_BINDING_THRESHOLD: 65280,
  CLIENT_TIMESTAMP_TYPE_MAPPING: 'TIMESTAMP_LTZ',
  DATE_INPUT_FORMAT: 'AUTO',
  DATE_OUTPUT_FORMAT: 'YYYY-MM-DD',
  ERROR_ON_NONDETERMINISTIC_MERGE: true,
  ERROR_ON_NONDETERMINISTIC_UPDATE: false,
  GEOGRAPHY_OUTPUT_FORMAT: 'GeoJSON',
  JSON_INDENT: 2,
  JS_TREAT_INTEGER_AS_BIGINT: false,
  LOCK_TIMEOUT: 43200,
  MULTI_STATEMENT_COUNT: 1,
  QUERY_CONTEXT_CACHE_SIZE: 5,
  QUERY_TAG: '',
  QUOTED_IDENTIFIERS_IGNORE_CASE: false,
  ROWS_PER_RESULTSET: 0,
  STATEMENT_QUEUED_TIMEOUT_IN_SECONDS: 0,
  STATEMENT_TIMEOUT_IN_SECONDS: 172800,
  STRICT_JSON_OUTPUT: false,
  TIMESTAMP_DAY_IS_ALWAYS_24H: false,
  TIMESTAMP_INPUT_FORMAT: 'AUTO',
  TIMESTAMP_LTZ_OUTPUT_FORMAT: '',
  TIMESTAMP_NTZ_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF3',
  TIMESTAMP_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM',
  TIMESTAMP_TYPE_MAPPING: 'TIMESTAMP_NTZ',
  TIMESTAMP_TZ_OUTPUT_FORMAT: '',
  TIMEZONE: 'America/Los_Angeles',
  TIME_INPUT_FORMAT: 'AUTO',
  TIME_OUTPUT_FORMAT: 'HH24:MI:SS',
  TRANSACTION_ABORT_ON_ERROR: false,
  TRANSACTION_DEFAULT_ISOLATION_LEVEL: 'READ COMMITTED',
  TWO_DIGIT_CENTURY_START: 1970,
  USE_CACHED_RESULT: true,
  WEEK_OF_YEAR_POLICY: 0,
  WEEK_START: 0,
}

export class SessionParameters {
  readonly #set = new Map<string, ParameterValue>()

  /** Names in capitals; `value` as a client or an ALTER SESSION gave it. */
  set(name: string, value: unknown): void {
    const before = DEFAULTS[name]
    // Drivers send parameters of their own; they have no effect, but they are kept.
    if (before === undefined) {
      if (/^(CLIENT|JS|GCS|PYTHON|C_API|ENABLE|SEARCH|SIMULATED|TRACE|LOG)_/.test(name)) return
      throw compilationError('001006', '42601', `invalid property '${name}' for 'SESSION'`)
    }
    this.#set.set(name, converted(name, value, before))
  }

  unset(name: string): void {
    this.#set.delete(name)
  }

  /** True where the session differs from the account. */
  isSet(name: string): boolean {
    return this.#set.has(name)
  }

  text(name: string): string {
    return String(this.#set.get(name) ?? DEFAULTS[name] ?? '')
  }

  number(name: string): number {
    return Number(this.#set.get(name) ?? DEFAULTS[name] ?? 0)
  }

  flag(name: string): boolean {
    return (this.#set.get(name) ?? DEFAULTS[name]) === true
  }

  /** All of them, in alphabetical order; `over` is for one statement. */
  all(over: ReadonlyMap<string, ParameterValue> = new Map()): ReadonlyMap<string, ParameterValue> {
    return new Map(
      Object.entries(DEFAULTS).map(([name, value]) => [name, over.get(name) ?? this.#set.get(name) ?? value]),
    )
  }

  defaultOf(name: string): ParameterValue | undefined {
    return DEFAULTS[name]
  }
}

function converted(name: string, value: unknown, like: ParameterValue): ParameterValue {
  const text = String(value)
  if (typeof like === 'boolean') {
    if (/^true$/i.test(text)) return true
    if (/^false$/i.test(text)) return false
    throw compilationError('001008', '22023', `invalid value [${text}] for parameter '${name}'`)
  }
  if (typeof like === 'number') {
    const number = Number(text)
    if (Number.isInteger(number)) return number
    throw compilationError('001008', '22023', `invalid value [${text}] for parameter '${name}'`)
  }
  if (name === 'QUERY_TAG' && text.length > QUERY_TAG_CHARACTERS_MAX)
    throw compilationError('001008', '22023', `invalid value [${text.slice(0, 20)}…] for parameter 'QUERY_TAG'`)
  return text
}

/** https://docs.snowflake.com/en/sql-reference/parameters#query-tag */
const QUERY_TAG_CHARACTERS_MAX = 2000
