/**
 * The lattice of types along which a column widens by itself.
 *
 * `widen(a, b)` is the least type that holds every value of both exactly as the source would write it; undefined where
 * there is none. Only conversions that lose nothing and read the same are in it:
 *
 *     int16 → int32 → int64 → decimal → text        int16 → float32 → float64 ← int32
 *     bool → text      uuid → text      json → text
 *
 * Left out on purpose: floats and times to text (the source writes them otherwise than a destination), int64 or decimal to
 * float64 (not exact), timestamp to timestamptz (depends on a time zone), text to anything.
 */
import type { ColumnType } from '../core/table-schema.ts'

const INTEGER_DIGITS: Readonly<Partial<Record<ColumnType['kind'], number>>> = { int16: 5, int32: 10, int64: 19 }
const PRECISION_MAX = 38
const READS_THE_SAME_AS_TEXT: ReadonlySet<ColumnType['kind']> = new Set([
  'bool',
  'int16',
  'int32',
  'int64',
  'decimal',
  'uuid',
  'json',
  'text',
])

export function sameType(a: ColumnType, b: ColumnType): boolean {
  if (a.kind === 'decimal' && b.kind === 'decimal') return a.precision === b.precision && a.scale === b.scale
  return a.kind === b.kind
}

export function widen(a: ColumnType, b: ColumnType): ColumnType | undefined {
  if (sameType(a, b)) return a
  return widenExact(a, b) ?? widenFloat(a, b) ?? widenFloat(b, a) ?? widenText(a, b)
}

/** True where every value of `from` can be written to a column of type `to`. */
export function fits(from: ColumnType, to: ColumnType): boolean {
  const joined = widen(from, to)
  return joined !== undefined && sameType(joined, to)
}

function widenExact(a: ColumnType, b: ColumnType): ColumnType | undefined {
  const left = digitsOf(a)
  const right = digitsOf(b)
  if (left === undefined || right === undefined) return undefined
  if (a.kind !== 'decimal' && b.kind !== 'decimal') return left.whole > right.whole ? a : b
  const scale = Math.max(left.scale, right.scale)
  const precision = Math.max(left.whole, right.whole) + scale
  return precision <= PRECISION_MAX ? { kind: 'decimal', precision, scale } : { kind: 'text' }
}

function digitsOf(type: ColumnType): { readonly whole: number; readonly scale: number } | undefined {
  if (type.kind === 'decimal') return { whole: type.precision - type.scale, scale: type.scale }
  const digits = INTEGER_DIGITS[type.kind]
  return digits === undefined ? undefined : { whole: digits, scale: 0 }
}

/** 24 bits hold an int16, 53 bits an int32. */
function widenFloat(a: ColumnType, b: ColumnType): ColumnType | undefined {
  if (b.kind === 'float64' && (a.kind === 'float32' || a.kind === 'int16' || a.kind === 'int32')) return b
  if (b.kind !== 'float32') return undefined
  if (a.kind === 'int16') return b
  return a.kind === 'int32' ? { kind: 'float64' } : undefined
}

function widenText(a: ColumnType, b: ColumnType): ColumnType | undefined {
  if (a.kind !== 'text' && b.kind !== 'text') return undefined
  return READS_THE_SAME_AS_TEXT.has(a.kind) && READS_THE_SAME_AS_TEXT.has(b.kind) ? { kind: 'text' } : undefined
}
