/** Values that the destination cannot hold have none. */
import type { ColumnType } from '../../core/table-schema.ts'
import type { ValueLimits } from '../../core/value-limits.ts'

/** `value`: an expression of this type. */
export function withinLimits(value: string, { kind }: ColumnType, limits: ValueLimits | undefined): string {
  const when = (condition: string) => `CASE WHEN ${condition} THEN ${value} END`
  if (limits === undefined) return value
  switch (kind) {
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return when(`isfinite(${value}) AND year(${value}) BETWEEN ${limits.firstYear} AND ${limits.lastYear}`)
    case 'time':
      return limits.hasEndOfDay ? value : when(`${value} < TIME '24:00:00'`)
    case 'text':
      return when(`strlen(${value}) <= ${limits.textBytes}`)
    case 'bytes':
      return when(`octet_length(${value}) <= ${limits.binaryBytes}`)
    case 'json': {
      // Also digits within a text, which are told rather than lost.
      const tooLong = `regexp_matches(${value}, '[0-9]{${limits.jsonDigits + 1}}')`
      return when(`strlen(${value}) <= ${limits.textBytes} AND NOT ${tooLong}`)
    }
    default:
      return value
  }
}
