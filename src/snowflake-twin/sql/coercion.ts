/** Implicit conversion: what two values have in common (docs: sql-reference/data-type-conversion). */
import type { Statement } from './binding.ts'
import { cast } from './cast.ts'
import type { DataType } from './data-type.ts'
import { typeText } from './data-type.ts'
import { unionType } from './number-types.ts'
import { SnowflakeError } from './snowflake-error.ts'
import type { Value } from './value.ts'
import { isSemiStructured, isTimestamp, NULL_VALUE, number, TEXT } from './value.ts'

/** A text that becomes a number without being told how many digits. */
const TEXT_AS_NUMBER: DataType = number(18, 5)

/** The type of a choice between these values (CASE, COALESCE, UNION, IN, comparison); NULLs have no say. */
export function commonType(values: readonly Value[]): DataType {
  let type: DataType | undefined
  for (const one of values) {
    if (one.untyped) continue
    type = type === undefined ? one.type : commonOf(type, one.type)
  }
  return type ?? TEXT
}

/** All values with their common type. */
export function unified(
  statement: Statement,
  values: readonly Value[],
): { readonly type: DataType; readonly values: readonly Value[] } {
  const type = commonType(values)
  return { type, values: values.map((one) => coerce(statement, one, type)) }
}

/** A conversion that needs no cast to be written. */
export function coerce(statement: Statement, of: Value, to: DataType): Value {
  if (of.untyped) return cast(statement, NULL_VALUE, to)
  if (of.type.kind === to.kind) {
    if (of.type.kind === 'NUMBER' && to.kind === 'NUMBER') {
      // Wider is no conversion that anyone sees, but both sides of a UNION must have one type.
      return cast(statement, of, to)
    }
    return { ...of, type: to }
  }
  return cast(statement, of, to)
}

/** For comparisons: as {@link unified}, but numbers stay as they are, because DuckDB compares them across scales. */
export function comparable(statement: Statement, values: readonly Value[]): readonly Value[] {
  const type = commonType(values)
  return values.map((one) => {
    if (one.untyped || one.type.kind === type.kind) return one
    return cast(statement, one, type.kind === 'NUMBER' && one.type.kind === 'VARCHAR' ? TEXT_AS_NUMBER : type)
  })
}

function commonOf(a: DataType, b: DataType): DataType {
  if (a.kind === 'NUMBER' && b.kind === 'NUMBER') return unionType(a, b)
  if (a.kind === 'VARCHAR' && b.kind === 'VARCHAR') return a.length >= b.length ? a : b
  if (a.kind === 'BINARY' && b.kind === 'BINARY') return a.length >= b.length ? a : b
  if (a.kind === b.kind) return 'precision' in a && 'precision' in b && a.precision < b.precision ? b : a
  if (isSemiStructured(a) || isSemiStructured(b)) return { kind: 'VARIANT' }
  const kinds = [a.kind, b.kind]
  if (kinds.includes('FLOAT') && (kinds.includes('NUMBER') || kinds.includes('VARCHAR'))) return { kind: 'FLOAT' }
  if (kinds.includes('BOOLEAN') && !kinds.includes('DATE')) return { kind: 'BOOLEAN' }
  const [zoned] = [a, b].filter((type) => type.kind === 'TIMESTAMP_TZ')
  const [local] = [a, b].filter((type) => type.kind === 'TIMESTAMP_LTZ')
  const [plain] = [a, b].filter(isTimestamp)
  const timestamp = zoned ?? local ?? plain
  if (
    timestamp !== undefined &&
    kinds.some((kind) => kind === 'DATE' || kind.startsWith('TIMESTAMP') || kind === 'VARCHAR')
  ) {
    const other = timestamp === a ? b : a
    if (other.kind === 'DATE' || other.kind === 'VARCHAR' || isTimestamp(other)) return timestamp
  }
  // A text takes the type of what it meets.
  if (a.kind === 'VARCHAR')
    return b.kind === 'NUMBER' ? unionType(TEXT_AS_NUMBER as DataType & { kind: 'NUMBER' }, b) : b
  if (b.kind === 'VARCHAR') return commonOf(b, a)
  throw new SnowflakeError(
    '002016',
    '22000',
    `SQL compilation error:\nCan not convert parameter of type [${typeText(a)}] into expected type [${typeText(b)}]`,
  )
}
