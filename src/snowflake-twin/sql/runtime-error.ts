/** What DuckDB says while it runs translated SQL, as Snowflake would have said it. */
import { SnowflakeError } from './snowflake-error.ts'
import { originalName } from './stored-name.ts'

interface Rule {
  readonly pattern: RegExp
  readonly code: string
  readonly sqlState: string
  readonly message: (found: readonly string[]) => string
}

const RULES: readonly Rule[] = [
  {
    pattern: /NOT NULL constraint failed: .*?\.([^.\n]+)$/m,
    code: '100072',
    sqlState: '22000',
    message: ([, column]) => `NULL result in a non-nullable column '${originalName(column ?? '')}'`,
  },
  {
    pattern: /Could not convert string ["'](.*)["'] to (?:DECIMAL|U?INT|HUGEINT|DOUBLE|FLOAT)/s,
    code: '100038',
    sqlState: '22018',
    message: ([, value]) => `Numeric value '${value}' is not recognized`,
  },
  {
    pattern: /(?:Could not cast value|Type \w+ with value) (\S+) /,
    code: '100039',
    sqlState: '22003',
    message: ([, value]) => `Numeric value '${value}' is out of range`,
  },
  {
    pattern: /Overflow in (addition|subtraction|multiplication|sum)|overflow/i,
    code: '100046',
    sqlState: '22003',
    message: () => 'Number out of representable range: type FIXED[SB16](38,0)',
  },
  {
    pattern: /column "?(.*?)"? must appear in the GROUP BY clause/i,
    code: '000979',
    sqlState: '42601',
    message: ([, column]) => `SQL compilation error:\n[${column}] is not a valid group by expression`,
  },
  {
    pattern: /More than one row returned by a subquery/i,
    code: '090150',
    sqlState: '22000',
    message: () => 'Single-row subquery returns more than one row.',
  },
]

/** An error that DuckDB threw, numbered as Snowflake does; a SnowflakeError is given back as it is. */
export function runtimeError(error: unknown): SnowflakeError {
  if (error instanceof SnowflakeError) return error
  const message = error instanceof Error ? error.message : String(error)
  const own = /SF\|(\d{6})\|(\w{5})\|([\s\S]*)$/.exec(message)
  if (own !== null) return new SnowflakeError(own[1] ?? '', own[2] ?? '', own[3] ?? '')
  for (const rule of RULES) {
    const found = rule.pattern.exec(message)
    if (found !== null) return new SnowflakeError(rule.code, rule.sqlState, rule.message(found))
  }
  return new SnowflakeError('000603', 'XX000', `The local Snowflake failed: ${message}`)
}
