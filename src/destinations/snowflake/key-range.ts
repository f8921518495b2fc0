/**
 * The range that the keys of a flush lie in, as a condition on rows of the target with literals: Snowflake leaves out, before
 * it reads anything, what by its own statistics has no such row.
 */
import type { ColumnType } from '../../core/table-schema.ts'
import { quoteLiteral } from './identifiers.ts'
import type { MergeInput } from './merge-input.ts'
import type { Row } from './session.ts'

/** Statistics hold the beginning of a text only, and a statement has its limits. */
const TEXT_LENGTH_MAX = 200

/** Aggregates over a relation with `k1`, …; `keyRangeSql` takes what they gave. */
export function keyRangeColumns(input: MergeInput): readonly string[] {
  // Content hashes lie everywhere.
  if (input.isBag) return []
  return input.keys.flatMap(({ name, column }) =>
    literalOf('0', column.type) === undefined ? [] : [`MIN(${name}) AS min_${name}`, `MAX(${name}) AS max_${name}`],
  )
}

/** For rows of the target under this alias; '' where nothing can be said, else it begins with AND. */
export function keyRangeSql(input: MergeInput, found: Row, alias: 't' | 'b'): string {
  const conditions = input.keys.flatMap(({ name, column, quoted }) => {
    const least = found[`MIN_${name.toUpperCase()}`]
    const greatest = found[`MAX_${name.toUpperCase()}`]
    if (typeof least !== 'string' || typeof greatest !== 'string') return []
    const [from, to] = [literalOf(least, column.type), literalOf(greatest, column.type)]
    return from === undefined || to === undefined ? [] : [` AND ${alias}.${quoted} BETWEEN ${from} AND ${to}`]
  })
  return conditions.join('')
}

/** Undefined for types whose text does not say the value exactly, or that no statistics help with. */
function literalOf(text: string, type: ColumnType): string | undefined {
  switch (type.kind) {
    case 'int16':
    case 'int32':
    case 'int64':
    case 'decimal':
      return /^-?\d+(\.\d+)?$/.test(text) ? text : undefined
    case 'text':
    case 'uuid':
      return text.length <= TEXT_LENGTH_MAX ? quoteLiteral(text) : undefined
    case 'date':
      return `${quoteLiteral(text)}::DATE`
    case 'timestamp':
      return `${quoteLiteral(text)}::TIMESTAMP_NTZ(6)`
    default:
      return undefined
  }
}
