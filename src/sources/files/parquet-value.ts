import type { FileColumn } from '../../core/file-set.ts'
import { duckDbType } from '../../file-sets/value-cast.ts'

/**
 * A value of a Parquet file as the type of the set, as SQL; NULL where it is not exactly one: a cast alone rounds numbers and
 * cuts times.
 */
export function parquetValue(raw: string, { type }: FileColumn): string {
  const cast = `TRY_CAST(${raw} AS ${duckDbType(type)})`
  switch (type.kind) {
    case 'int16':
    case 'int32':
    case 'int64':
    case 'decimal':
    case 'date':
    case 'time':
    case 'timestamp':
      return `CASE WHEN ${cast} IS NOT DISTINCT FROM ${raw} THEN ${cast} END`
    default:
      return cast
  }
}
