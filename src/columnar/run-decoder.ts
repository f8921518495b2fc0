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

/**
 * Bytes of the vector that the values of a run take at most, and the loop that writes them from `at` on. It returns where they
 * end, or `FAILED`. It is compiled by itself: with what opens and closes a run in it, each took the compiler several times as long.
 */
interface RunLoop {
  readonly bytes: (run: TupleRun, column: number) => number
  readonly write: (builder: VectorBuilder, at: number, source: WireBuffer, run: TupleRun, column: number) => number
}

/** Gives the same as `decode` for each value. */
export function runDecoder(decode: ValueDecoder): RunDecoder {
  const loop = LOOPS.get(decode)
  return loop === undefined ? callForEach(decode) : runOf(loop)
}

function runOf({ bytes, write }: RunLoop): RunDecoder {
  return (builder, row, source, run, column) => {
    const start = builder.openRun(bytes(run, column))
    const end = write(builder, start, source, run, column)
    return end === FAILED ? FAILED : builder.closeRun(row, run, column, end)
  }
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

const int2Loop: RunLoop['write'] = (builder, start, source, run, column) => {
  const { offsets, lengths, rows } = run
  const wire = source.view
  const from = column * run.capacity
  let at = start
  const view = builder.view
  for (let index = from; index < from + rows; index++) {
    const length = lengths[index] as number
    if (length < 0) continue
    if (length !== 2) return FAILED
    view.setInt32(at, wire.getInt16(offsets[index] as number), true)
    at += 4
  }
  return at
}

const int4Loop: RunLoop['write'] = (builder, start, source, run, column) => {
  const { offsets, lengths, rows } = run
  const wire = source.view
  const from = column * run.capacity
  let at = start
  const view = builder.view
  for (let index = from; index < from + rows; index++) {
    const length = lengths[index] as number
    if (length < 0) continue
    if (length !== 4) return FAILED
    view.setInt32(at, wire.getInt32(offsets[index] as number), true)
    at += 4
  }
  return at
}

const int8Loop: RunLoop['write'] = (builder, start, source, run, column) => {
  const { offsets, lengths, rows } = run
  const wire = source.view
  const from = column * run.capacity
  let at = start
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
  return at
}

const timestampLoop: RunLoop['write'] = (builder, start, source, run, column) => {
  const { offsets, lengths, rows } = run
  const wire = source.view
  const from = column * run.capacity
  let at = start
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
  return at
}

const float8Loop: RunLoop['write'] = (builder, start, source, run, column) => {
  const { offsets, lengths, rows } = run
  const wire = source.view
  const from = column * run.capacity
  let at = start
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
  return at
}

const boolLoop: RunLoop['write'] = (builder, start, source, run, column) => {
  const { offsets, lengths, rows } = run
  const wire = source.view
  const from = column * run.capacity
  let at = start
  const view = builder.view
  for (let index = from; index < from + rows; index++) {
    const length = lengths[index] as number
    if (length < 0) continue
    if (length !== 1) return FAILED
    view.setUint8(at, wire.getUint8(offsets[index] as number) === 0 ? 0 : 1)
    at++
  }
  return at
}

const textLoop: RunLoop['write'] = (builder, start, source, run, column) => {
  const { offsets, lengths, rows } = run
  const from = column * run.capacity
  let at = start
  const target = builder.bytes
  const view = builder.view
  for (let index = from; index < from + rows; index++) {
    const length = lengths[index] as number
    if (length < 0) continue
    view.setInt32(at, length, true)
    copyBytes(target, view, at + 4, source, offsets[index] as number, length)
    at += length + 4
  }
  return at
}

const jsonbLoop: RunLoop['write'] = (builder, start, source, run, column) => {
  const { offsets, lengths, rows } = run
  const wire = source.view
  const from = column * run.capacity
  let at = start
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
  return at
}

const widthOf =
  (bytes: number): RunLoop['bytes'] =>
  ({ rows }) =>
    rows * bytes

/** The values and their lengths. */
const textBytes: RunLoop['bytes'] = ({ lengths, capacity, rows }, column) => {
  const from = column * capacity
  let bytes = 0
  for (let index = from; index < from + rows; index++) bytes += Math.max(-4, lengths[index] as number) + 4
  return bytes
}

const LOOPS: ReadonlyMap<ValueDecoder, RunLoop> = new Map([
  [decodeInt2, { bytes: widthOf(4), write: int2Loop }],
  [decodeInt4, { bytes: widthOf(4), write: int4Loop }],
  [decodeInt8, { bytes: widthOf(8), write: int8Loop }],
  [decodeTimestamp, { bytes: widthOf(8), write: timestampLoop }],
  [decodeFloat8, { bytes: widthOf(8), write: float8Loop }],
  [decodeBool, { bytes: widthOf(1), write: boolLoop }],
  [decodeText, { bytes: textBytes, write: textLoop }],
  [decodeJsonb, { bytes: textBytes, write: jsonbLoop }],
])
