/** Which types a column may be changed to (docs: sql-reference/sql/alter-table-column, supported and unsupported actions). */
import type { DataType } from './data-type.ts'
import { typeText } from './data-type.ts'
import { SnowflakeError } from './snowflake-error.ts'

/**
 * Undefined: allowed. Texts may become longer, numbers may get more digits before the point (fewer only if all values fit, which the change of the
 * data itself finds out); everything else is refused.
 */
export function typeChangeError(column: string, from: DataType, to: DataType): SnowflakeError | undefined {
  if (typeText(from) === typeText(to)) return undefined
  if (from.kind === 'VARCHAR' && to.kind === 'VARCHAR') {
    if (to.length >= from.length) return undefined
    return refused(column, from, to, ' because reducing the byte-length of a varchar is not supported.')
  }
  if (from.kind === 'NUMBER' && to.kind === 'NUMBER') {
    if (from.scale === to.scale) return undefined
    return refused(column, from, to, ' because changing the scale of a number is not supported.')
  }
  if (from.kind === 'BINARY' && to.kind === 'BINARY') {
    return refused(column, from, to, ' because changing the length of a binary is not supported.')
  }
  return refused(column, from, to, '')
}

function refused(column: string, from: DataType, to: DataType, why: string): SnowflakeError {
  return new SnowflakeError(
    '040052',
    '22000',
    `SQL compilation error:\ncannot change column ${column} from type ${typeText(from)} to ${typeText(to)}${why}`,
  )
}
