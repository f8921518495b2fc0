/** Rows whose transformed values the destination cannot hold: the source keeps such values back, a transform can make new ones. */
import {
  BINARY_TOO_LONG,
  DATE_OUT_OF_RANGE,
  type DecodeOutcome,
  END_OF_DAY,
  JSON_NUMBER_TOO_LONG,
  REASONS,
  TEXT_TOO_LONG,
  TIMESTAMP_OUT_OF_RANGE,
} from '../columnar/decode-outcome.ts'
import type { ColumnType } from '../core/table-schema.ts'
import type { ValueLimits } from '../core/value-limits.ts'
import type { CompiledTransform, FailedRow } from './compiled-transform.ts'
import { quoteText } from './duckdb-column.ts'
import type { TransformSession } from './transform-session.ts'

/** Of those that `compiled.write` has written. */
export async function rowsBeyondLimits(
  session: TransformSession,
  { outputs }: CompiledTransform,
  limits: ValueLimits | undefined,
): Promise<readonly FailedRow[]> {
  if (limits === undefined) return []
  const cases = outputs.flatMap(({ column, value }) =>
    checksOf(column.type, value, limits).map(
      ([condition, outcome]) =>
        `WHEN ${condition} THEN ${quoteText(`its "${column.name}" is nothing that the destination holds: ${REASONS[outcome]}`)}`,
    ),
  )
  if (cases.length === 0) return []
  const rows = await session.rows(
    `SELECT _row, reason FROM (
       SELECT b._row, CASE ${cases.join(' ')} END AS reason FROM transform_batch b JOIN transform_written w ON w._row = b._row
     ) WHERE reason IS NOT NULL ORDER BY _row`,
  )
  return rows.map((row) => ({ row: BigInt(String(row._row)), reason: String(row.reason) }))
}

type Check = readonly [condition: string, outcome: DecodeOutcome]

/** NULL passes: it is no value, and so is what a change did not send. */
function checksOf(type: ColumnType, value: string, limits: ValueLimits): readonly Check[] {
  const { firstYear, lastYear, hasEndOfDay, textBytes, binaryBytes, jsonDigits } = limits
  const within = (as: string) => {
    const year = (number: number) => `${as} '${String(number).padStart(4, '0')}-01-01'`
    return `(${value} >= ${year(firstYear)} AND ${value} < ${year(lastYear + 1)})`
  }
  const isLong: Check = [`strlen(${value}) > ${textBytes}`, TEXT_TOO_LONG]
  switch (type.kind) {
    case 'date':
      return [[`NOT ${within('DATE')}`, DATE_OUT_OF_RANGE]]
    case 'timestamp':
      return [[`NOT ${within('TIMESTAMP')}`, TIMESTAMP_OUT_OF_RANGE]]
    case 'timestamptz':
      return [[`NOT ${within('TIMESTAMPTZ')}`, TIMESTAMP_OUT_OF_RANGE]]
    case 'time':
      return hasEndOfDay ? [] : [[`${value} >= TIME '24:00:00'`, END_OF_DAY]]
    case 'text':
      return [isLong]
    case 'bytes':
      return [[`octet_length(${value}) > ${binaryBytes}`, BINARY_TOO_LONG]]
    case 'json':
      return [isLong, [hasLongNumber(value, jsonDigits), JSON_NUMBER_TOO_LONG]]
    default:
      return []
  }
}

/** As the source's check of JSON has it: a number with an exponent becomes a double, which keeps 15 digits. */
function hasLongNumber(value: string, digits: number): string {
  const numbers = `regexp_replace(${value}, '"(\\\\.|[^"\\\\])*"', '""', 'g')`
  const long = `(\\d\\.?){${digits + 1}}|(\\d\\.?){16}[eE]|[eE][+-]?\\d{3}`
  return `(strlen(${value}) > 15 AND regexp_matches(${numbers}, '${long}'))`
}
