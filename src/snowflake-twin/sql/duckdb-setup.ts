/**
 * What a DuckDB instance needs before translated SQL runs on it: macros, and functions in JavaScript where Snowflake's rules are not DuckDB's
 * (JSON, formats of dates, exact division). A function that fails says `SF|code|sqlstate|message`, which runtime-error.ts reads.
 */
import type { DuckDBConnection, DuckDBType } from '@duckdb/node-api'
import { BIGINT, DOUBLE, DuckDBScalarFunction, INTEGER, VARCHAR } from '@duckdb/node-api'
import { canonicalDouble, canonicalJson, JsonError } from './canonical-json.ts'
import { divideExactly } from './exact-division.ts'
import { formatMoment, parseClock, parseMoment } from './timestamp-format.ts'

/** Once per instance, before anything else runs on it. A database file keeps the macros, not the functions. */
export async function prepareInstance(connection: DuckDBConnection): Promise<void> {
  for (const scalar of FUNCTIONS) connection.registerScalarFunction(scalarFunction(scalar))
  for (const macro of MACROS) await connection.run(`CREATE OR REPLACE MACRO ${macro}`)
}

/** Once per connection that runs translated SQL. */
export async function prepareConnection(connection: DuckDBConnection): Promise<void> {
  // Text → TIMESTAMPTZ and AT TIME ZONE must not depend on the machine's own zone.
  await connection.run("SET TimeZone = 'UTC'")
}

interface TextFunction {
  readonly name: string
  readonly parameters: readonly DuckDBType[]
  readonly returns: DuckDBType
  /** Called for rows without NULLs only. Undefined gives NULL. */
  readonly call: (...values: never[]) => string | bigint | number | undefined
}

const FUNCTIONS: readonly TextFunction[] = [
  {
    name: 'sf_parse_json',
    parameters: [VARCHAR],
    returns: VARCHAR,
    call: (text: string) => {
      // Snowflake: an empty string, or one of blanks, is NULL.
      if (text.trim() === '') return undefined
      try {
        return canonicalJson(text)
      } catch (error) {
        if (error instanceof JsonError)
          throw new Error(failure('100069', '22P02', `Error parsing JSON: ${error.message}`))
        throw error
      }
    },
  },
  {
    name: 'sf_try_parse_json',
    parameters: [VARCHAR],
    returns: VARCHAR,
    call: (text: string) => {
      try {
        return text.trim() === '' ? undefined : canonicalJson(text)
      } catch (error) {
        if (error instanceof JsonError) return undefined
        throw error
      }
    },
  },
  { name: 'sf_json_double', parameters: [DOUBLE], returns: VARCHAR, call: (number: number) => canonicalDouble(number) },
  {
    name: 'sf_wall_clock',
    parameters: [VARCHAR, VARCHAR, VARCHAR],
    returns: BIGINT,
    call: (text: string, format: string, what: string) => {
      const moment = parseMoment(text, format)
      if (moment !== undefined || what === '') return moment?.micros
      throw new Error(dateFailure(what, text))
    },
  },
  {
    name: 'sf_offset',
    parameters: [VARCHAR, VARCHAR],
    returns: INTEGER,
    call: (text: string, format: string) => parseMoment(text, format)?.offsetMinutes,
  },
  {
    name: 'sf_clock',
    parameters: [VARCHAR, VARCHAR],
    returns: BIGINT,
    call: (text: string, what: string) => {
      const micros = parseClock(text)
      if (micros !== undefined || what === '') return micros
      throw new Error(dateFailure(what, text))
    },
  },
  {
    name: 'sf_format',
    parameters: [BIGINT, INTEGER, VARCHAR],
    returns: VARCHAR,
    call: (micros: bigint, offset: number, format: string) => formatMoment(micros, offset, format),
  },
  {
    name: 'sf_divide',
    parameters: [VARCHAR, VARCHAR, INTEGER],
    returns: VARCHAR,
    call: (dividend: string, divisor: string, scale: number) => {
      const quotient = divideExactly(dividend, divisor, scale)
      if (quotient === undefined) throw new Error(failure('100051', '22012', 'Division by zero'))
      return quotient
    },
  },
]

const MACROS: readonly string[] = [
  `sf_fit(x, n) AS CASE WHEN strlen(x) > n AND length(x) > n
     THEN error('SF|100078|22000|String ''' || left(x, 60) || ''' is too long and would be truncated') ELSE x END`,
  `sf_fit_binary(x, n) AS CASE WHEN octet_length(x) > n
     THEN error('SF|100145|22000|Binary value is too long and would be truncated') ELSE x END`,
  `sf_fit_variant(x) AS CASE WHEN strlen(CAST(x AS VARCHAR)) > 16777216
     THEN CAST(error('SF|100082|22000|Max LOB size (16777216) exceeded, actual size of parsed column is ' || strlen(CAST(x AS VARCHAR))) AS JSON)
     ELSE x END`,
  `sf_boolean(x) AS CASE WHEN lower(trim(x)) IN ('true', 't', 'yes', 'y', 'on', '1') THEN true
     WHEN lower(trim(x)) IN ('false', 'f', 'no', 'n', 'off', '0') THEN false
     WHEN x IS NULL THEN NULL
     ELSE error('SF|100037|22018|Boolean value ''' || x || ''' is not recognized') END`,
  `sf_try_boolean(x) AS CASE WHEN lower(trim(x)) IN ('true', 't', 'yes', 'y', 'on', '1') THEN true
     WHEN lower(trim(x)) IN ('false', 'f', 'no', 'n', 'off', '0') THEN false END`,
  `sf_float_text(x) AS CASE WHEN isfinite(x) AND x = trunc(x) AND abs(x) < 1e15 THEN CAST(CAST(x AS BIGINT) AS VARCHAR)
     WHEN isnan(x) THEN 'NaN' ELSE CAST(x AS VARCHAR) END`,
  `sf_divide_float(x, y) AS CASE WHEN y = 0 THEN error('SF|100051|22012|Division by zero') ELSE x / y END`,
  `sf_modulo(x, y) AS CASE WHEN y = 0 THEN error('SF|100051|22012|Division by zero') ELSE x % y END`,
  // Down to a whole number of units, also before 1970.
  `sf_floor_micros(x, unit) AS x - ((x % unit) + unit) % unit`,
]

function scalarFunction(definition: TextFunction): DuckDBScalarFunction {
  const call = definition.call as (...values: unknown[]) => string | bigint | number | undefined
  return DuckDBScalarFunction.create({
    name: definition.name,
    parameterTypes: definition.parameters,
    returnType: definition.returns,
    mainFunction: (info, input, output) => {
      const columns = definition.parameters.map((_, index) => input.getColumnVector(index))
      try {
        for (let row = 0; row < input.rowCount; row += 1) {
          const values = columns.map((column) => column.getItem(row))
          output.setItem(row, values.includes(null) ? null : (call(...values) ?? null))
        }
        output.flush()
      } catch (error) {
        info.setError(error instanceof Error ? error.message : String(error))
      }
    },
  })
}

function failure(code: string, sqlState: string, message: string): string {
  return `SF|${code}|${sqlState}|${message}`
}

function dateFailure(what: string, text: string): string {
  if (what === 'DATE') return failure('100040', '22007', `Date '${text}' is not recognized`)
  if (what === 'TIME') return failure('100108', '22007', `Time '${text}' is not recognized`)
  return failure('100035', '22007', `Timestamp '${text}' is not recognized`)
}
