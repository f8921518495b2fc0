/** Rows of a batch as objects, by the name of the stage column, for tests: no part of the product reads vectors this way. */
import type { Batch, ColumnVector } from '../../src/core/batch.ts'

/** Integers as numbers or, where they are 64 bits wide, bigints; bytes as hex; text as text; decimals as unscaled bigint. */
export type Value = string | number | bigint | boolean | null

export function batchRows(batch: Batch): Record<string, Value>[] {
  const rows = Array.from({ length: batch.rows }, (): Record<string, Value> => ({}))
  for (const vector of batch.vectors) {
    const values = vectorValues(vector)
    for (const [index, row] of rows.entries()) row[vector.name] = values[index] ?? null
  }
  return rows
}

export function vectorValues(vector: ColumnVector): Value[] {
  const { values, validity, rows } = vector
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength)
  let at = 0
  const take = (bytes: number): number => {
    at += bytes
    return at - bytes
  }
  const next = (): Value => {
    switch (vector.type.kind) {
      case 'bool':
        return values[take(1)] === 1
      case 'int16':
      case 'int32':
      case 'date':
        return view.getInt32(take(4), true)
      case 'int64':
      case 'time':
      case 'timestamp':
      case 'timestamptz':
        return view.getBigInt64(take(8), true)
      case 'float32':
        return view.getFloat32(take(4), true)
      case 'float64':
        return view.getFloat64(take(8), true)
      case 'decimal': {
        if (vector.type.precision <= 9) return BigInt(view.getInt32(take(4), true))
        if (vector.type.precision <= 18) return view.getBigInt64(take(8), true)
        const start = take(16)
        return (view.getBigInt64(start) << 64n) | view.getBigUint64(start + 8)
      }
      case 'text':
      case 'json':
      case 'uuid':
      case 'bytes': {
        const length = view.getInt32(take(4), true)
        const bytes = Buffer.from(values.subarray(take(length), at))
        return bytes.toString(vector.type.kind === 'bytes' ? 'hex' : 'utf8')
      }
    }
  }
  const found: Value[] = []
  for (let row = 0; row < rows; row++) {
    const present = validity === undefined || (((validity[row >> 3] ?? 0) >> (row & 7)) & 1) === 1
    found.push(present ? next() : null)
  }
  if (at !== values.length) throw new Error(`column ${vector.name} has ${values.length} bytes, its rows take ${at}`)
  return found
}
