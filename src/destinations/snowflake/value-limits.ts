import type { ValueLimits } from '../../core/value-limits.ts'

/**
 * By pages of Snowflake's documentation:
 * - "Date & time data types": TIME ends at 23:59:59.999999999. Years from 1582 to 9999 are recommended, and "some" others
 *   accepted. Those since year 1 are four digits of the calendar that Postgres counts in too; others are not tried.
 * - "String & binary data types": what is declared without a length takes 16 MiB of text or 8 MiB of bytes. More can be
 *   asked for, and is to become the default.
 * - "Numeric data types": a NUMBER has 38 digits. In a VARIANT a longer one would be a double.
 */
export const SNOWFLAKE_LIMITS: ValueLimits = {
  firstYear: 1,
  lastYear: 9999,
  hasEndOfDay: false,
  textBytes: 16 * 1024 ** 2,
  binaryBytes: 8 * 1024 ** 2,
  jsonDigits: 38,
}
