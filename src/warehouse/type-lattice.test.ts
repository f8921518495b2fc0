import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ColumnType } from '../core/table-schema.ts'
import { duckdbType } from '../destinations/duckdb/column-type.ts'
import { fits, widen } from './type-lattice.ts'

const kinds = [
  'bool',
  'int16',
  'int32',
  'int64',
  'float32',
  'float64',
  'text',
  'bytes',
  'uuid',
  'json',
  'date',
  'time',
  'timestamp',
  'timestamptz',
] as const
const type: fc.Arbitrary<ColumnType> = fc.oneof(
  fc.constantFrom(...kinds).map((kind) => ({ kind }) as ColumnType),
  fc
    .tuple(fc.integer({ min: 1, max: 38 }), fc.nat(38))
    .map(([precision, scale]) => ({ kind: 'decimal', precision, scale: Math.min(scale, precision) }) as const),
)
const named = (a: ColumnType, b: ColumnType) => {
  const joined = widen(a, b)
  return joined === undefined ? undefined : duckdbType(joined)
}

describe('the lattice of types', () => {
  test.each<[ColumnType, ColumnType, string | undefined]>([
    [{ kind: 'int16' }, { kind: 'int32' }, 'INTEGER'],
    [{ kind: 'int64' }, { kind: 'int16' }, 'BIGINT'],
    [{ kind: 'int32' }, { kind: 'decimal', precision: 8, scale: 2 }, 'DECIMAL(12,2)'],
    [{ kind: 'decimal', precision: 10, scale: 2 }, { kind: 'decimal', precision: 8, scale: 4 }, 'DECIMAL(12,4)'],
    [{ kind: 'decimal', precision: 38, scale: 0 }, { kind: 'decimal', precision: 38, scale: 10 }, 'VARCHAR'],
    [{ kind: 'float32' }, { kind: 'float64' }, 'DOUBLE'],
    [{ kind: 'int32' }, { kind: 'float32' }, 'DOUBLE'],
    [{ kind: 'int16' }, { kind: 'float32' }, 'FLOAT'],
    [{ kind: 'int64' }, { kind: 'float64' }, undefined],
    [{ kind: 'decimal', precision: 5, scale: 2 }, { kind: 'float64' }, undefined],
    [{ kind: 'json' }, { kind: 'text' }, 'VARCHAR'],
    [{ kind: 'bool' }, { kind: 'text' }, 'VARCHAR'],
    [{ kind: 'float64' }, { kind: 'text' }, undefined],
    [{ kind: 'timestamp' }, { kind: 'timestamptz' }, undefined],
    [{ kind: 'date' }, { kind: 'int32' }, undefined],
  ])('%j and %j: %s', (a, b, expected) => {
    expect(named(a, b)).toBe(expected)
  })

  test('the order does not matter, and the result holds both', () => {
    fc.assert(
      fc.property(type, type, (a, b) => {
        expect(named(a, b)).toBe(named(b, a))
        const joined = widen(a, b)
        if (joined === undefined) return
        expect(fits(a, joined)).toBe(true)
        expect(fits(b, joined)).toBe(true)
      }),
    )
  })
})
