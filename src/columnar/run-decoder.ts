/**
 * Values of one column of a run of tuples → a vector, in one loop: what is common to all rows is looked up once, and
 * nothing is called for a value. The decoders of one value that most columns have are repeated here as loops; every
 * other one is called for each value.
 */
import { EPOCH_MICROS_HIGH, EPOCH_MICROS_LOW } from './date-time.ts'
import { OK } from './decode-outcome.ts'
import {
  decodeBool,
  decodeFloat8,
  decodeInt2,
  decodeInt4,
  decodeInt8,
  decodeJsonb,
  decodeTimestamp,
} from './postgres-binary.ts'
import { decodeText } from './postgres-text.ts'
import type { TupleRun } from './tuple-run.ts'
import type { ValueDecoder } from './value-decoder.ts'
import type { VectorBuilder } from './vector-builder.ts'
import { copyBytes, type WireBuffer } from './wire-buffer.ts'

/** A value has no representation: what the vector has of the run is to be taken back. */
export const FAILED = -1

/**
 * Appends column `column` of a run, whose first row is `row` of the vector. Returns how many values are not NULL, or
 * `FAILED`.
 */
export type RunDecoder = (
  builder: VectorBuilder,
  row: number,
  source: WireBuffer,
  run: TupleRun,
  column: number,
) => number

/** Gives the same as `decode` for each value. */
export function runDecoder(decode: ValueDecoder): RunDecoder {
  return LOOPS.get(decode) ?? callForEach(decode)
}

function callForEach(decode: ValueDecoder): RunDecoder {
  return (builder, row, source, { offsets, lengths, capacity, rows }, column) => {
    const from = column * capacity
    let values = 0
    for (let index = 0; index < rows; index++) {
      const length = lengths[from + index] as number
      if (length < 0) continue
      if (decode(builder, row + index, source, offsets[from + index] as number, length) !== OK) return FAILED
      values++
    }
    return values
  }
}

const int2Loop: RunDecoder = (builder, row, source, run, column) => {
  const { offsets, lengths, rows } = run
  const wire = source.view
  const from = column * run.capacity
  let at = builder.openRun(rows * 4)
  const view = builder.view
  for (let index = from; index < from + rows; index++) {
    const length = lengths[index] as number
    if (length < 0) continue
    if (length !== 2) return FAILED
    view.setInt32(at, wire.getInt16(offsets[index] as number), true)
    at += 4
  }
  return builder.closeRun(row, run, column, at)
}

const int4Loop: RunDecoder = (builder, row, source, run, column) => {
  const { offsets, lengths, rows } = run
  const wire = source.view
  const from = column * run.capacity
  let at = builder.openRun(rows * 4)
  const view = builder.view
  for (let index = from; index < from + rows; index++) {
    const length = lengths[index] as number
    if (length < 0) continue
    if (length !== 4) return FAILED
    view.setInt32(at, wire.getInt32(offsets[index] as number), true)
    at += 4
  }
  return builder.closeRun(row, run, column, at)
}

const int8Loop: RunDecoder = (builder, row, source, run, column) => {
  const { offsets, lengths, rows } = run
  const wire = source.view
  const from = column * run.capacity
  let at = builder.openRun(rows * 8)
  const view = builder.view
  for (let index = from; index < from + rows; index++) {
    const length = lengths[index] as number
    if (length < 0) continue
    if (length !== 8) return FAILED
    const offset = offsets[index] as number
    view.setInt32(at, wire.getInt32(offset + 4), true)
    view.setInt32(at + 4, wire.getInt32(offset), true)
    at += 8
  }
  return builder.closeRun(row, run, column, at)
}

const timestampLoop: RunDecoder = (builder, row, source, run, column) => {
  const { offsets, lengths, rows } = run
  const wire = source.view
  const from = column * run.capacity
  let at = builder.openRun(rows * 8)
  const view = builder.view
  for (let index = from; index < from + rows; index++) {
    const length = lengths[index] as number
    if (length < 0) continue
    if (length !== 8) return FAILED
    const offset = offsets[index] as number
    const wireHigh = wire.getInt32(offset)
    const low = wire.getUint32(offset + 4) + EPOCH_MICROS_LOW
    const high = wireHigh + EPOCH_MICROS_HIGH + (low >= 0x1_0000_0000 ? 1 : 0)
    // Far from now: what has no representation is among them, and is told apart one by one.
    if (high >= 0x7fffffff || wireHigh === -0x80000000) return FAILED
    view.setInt32(at, low, true)
    view.setInt32(at + 4, high, true)
    at += 8
  }
  return builder.closeRun(row, run, column, at)
}

const float8Loop: RunDecoder = (builder, row, source, run, column) => {
  const { offsets, lengths, rows } = run
  const wire = source.view
  const from = column * run.capacity
  let at = builder.openRun(rows * 8)
  const view = builder.view
  for (let index = from; index < from + rows; index++) {
    const length = lengths[index] as number
    if (length < 0) continue
    if (length !== 8) return FAILED
    const offset = offsets[index] as number
    const high = wire.getInt32(offset)
    const low = wire.getInt32(offset + 4)
    const notANumber = (high & 0x7ff00000) === 0x7ff00000 && ((high & 0x000fffff) | low) !== 0
    view.setInt32(at, notANumber ? 0 : low, true)
    view.setInt32(at + 4, notANumber ? 0x7ff80000 : high, true)
    at += 8
  }
  return builder.closeRun(row, run, column, at)
}

const boolLoop: RunDecoder = (builder, row, source, run, column) => {
  const { offsets, lengths, rows } = run
  const wire = source.view
  const from = column * run.capacity
  let at = builder.openRun(rows)
  const view = builder.view
  for (let index = from; index < from + rows; index++) {
    const length = lengths[index] as number
    if (length < 0) continue
    if (length !== 1) return FAILED
    view.setUint8(at, wire.getUint8(offsets[index] as number) === 0 ? 0 : 1)
    at++
  }
  return builder.closeRun(row, run, column, at)
}

const textLoop: RunDecoder = (builder, row, source, run, column) => {
  const { offsets, lengths, rows } = run
  const from = column * run.capacity
  let bytes = 0
  for (let index = from; index < from + rows; index++) bytes += Math.max(-4, lengths[index] as number) + 4
  let at = builder.openRun(bytes + rows)
  const target = builder.bytes
  const view = builder.view
  for (let index = from; index < from + rows; index++) {
    const length = lengths[index] as number
    if (length < 0) continue
    view.setInt32(at, length, true)
    copyBytes(target, view, at + 4, source, offsets[index] as number, length)
    at += length + 4
  }
  return builder.closeRun(row, run, column, at)
}

const jsonbLoop: RunDecoder = (builder, row, source, run, column) => {
  const { offsets, lengths, rows } = run
  const wire = source.view
  const from = column * run.capacity
  let bytes = 0
  for (let index = from; index < from + rows; index++) bytes += Math.max(-4, lengths[index] as number) + 4
  let at = builder.openRun(bytes)
  const target = builder.bytes
  const view = builder.view
  for (let index = from; index < from + rows; index++) {
    const length = (lengths[index] as number) - 1
    if (length < -1) continue
    const offset = offsets[index] as number
    if (length < 0 || wire.getUint8(offset) !== 1) return FAILED
    view.setInt32(at, length, true)
    copyBytes(target, view, at + 4, source, offset + 1, length)
    at += length + 4
  }
  return builder.closeRun(row, run, column, at)
}

const LOOPS: ReadonlyMap<ValueDecoder, RunDecoder> = new Map([
  [decodeInt2, int2Loop],
  [decodeInt4, int4Loop],
  [decodeInt8, int8Loop],
  [decodeTimestamp, timestampLoop],
  [decodeFloat8, float8Loop],
  [decodeBool, boolLoop],
  [decodeText, textLoop],
  [decodeJsonb, jsonbLoop],
])
