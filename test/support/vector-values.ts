import type { ColumnVector } from '../../src/core/batch.ts'

/** The values of a vector, NULLs included: bigint for whole numbers (decimals unscaled), text, buffers, booleans, numbers. */
export function vectorValues(vector: ColumnVector): unknown[] {
  const bytes = Buffer.from(vector.values.buffer, vector.values.byteOffset, vector.values.length)
  let at = 0
  const values: unknown[] = []
  for (let row = 0; row < vector.rows; row++) {
    const isPresent = vector.validity === undefined || (vector.validity[row >> 3]! & (1 << (row & 7))) !== 0
    if (!isPresent) {
      values.push(null)
      continue
    }
    const width = byteWidth(vector)
    const size = width === 0 ? bytes.readInt32LE(at) : width
    const start = width === 0 ? at + 4 : at
    values.push(readValue(vector, bytes, start, size))
    at = start + size
  }
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes of ${vector.name} belong to no row`)
  return values
}

function byteWidth({ type }: ColumnVector): number {
  switch (type.kind) {
    case 'bool':
      return 1
    case 'int16':
    case 'int32':
    case 'float32':
    case 'date':
      return 4
    case 'text':
    case 'bytes':
    case 'json':
    case 'uuid':
      return 0
    case 'decimal':
      return type.precision <= 9 ? 4 : type.precision <= 18 ? 8 : 16
    default:
      return 8
  }
}

function readValue({ type }: ColumnVector, bytes: Buffer, at: number, size: number): unknown {
  if (type.kind === 'bool') return bytes[at] === 1
  if (type.kind === 'float32') return bytes.readFloatLE(at)
  if (type.kind === 'float64') return bytes.readDoubleLE(at)
  if (type.kind === 'bytes') return Buffer.from(bytes.subarray(at, at + size))
  if (type.kind === 'text' || type.kind === 'json' || type.kind === 'uuid') return bytes.toString('utf8', at, at + size)
  if (size === 4) return BigInt(bytes.readInt32LE(at))
  if (size === 8) return bytes.readBigInt64LE(at)
  return (bytes.readBigInt64BE(at) << 64n) | bytes.readBigUInt64BE(at + 8)
}
