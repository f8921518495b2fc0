/**
 * An error as Snowflake reports it: a six-digit code, a SQLSTATE and a message. The twin answers with exactly these three, so a client cannot
 * tell the difference. Codes are those that the driver's users see (`err.code` is the number with its leading zeros).
 */
export class SnowflakeError extends Error {
  override readonly name = 'SnowflakeError'
  /** Six digits, with leading zeros: `001003`. */
  readonly code: string
  readonly sqlState: string
  /** 1-based line and 0-based column where a compilation error was found; -1 when it has no place. */
  readonly line: number
  readonly position: number

  constructor(code: string, sqlState: string, message: string, line = -1, position = -1) {
    super(message)
    this.code = code
    this.sqlState = sqlState
    this.line = line
    this.position = position
  }
}
