/**
 * Numeric values, in either wire form, → the unscaled integer of a decimal column, without BigInt.
 *
 * A value with at most 15 digits is put together in one JavaScript number, which is exact below 2^53; a longer one in
 * four 32-bit limbs.
 */
import {
  type DecodeOutcome,
  INVALID_VALUE,
  NUMERIC_INFINITY,
  NUMERIC_NAN,
  NUMERIC_TOO_LARGE,
  NUMERIC_TOO_PRECISE,
  OK,
} from './decode-outcome.ts'
import type { VectorBuilder } from './vector-builder.ts'
import type { WireBuffer } from './wire-buffer.ts'

const TWO_32 = 4294967296
const EXACT_DIGITS = 15
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))

export const NUMERIC_NEGATIVE = 0x4000
export const NUMERIC_SIGN_NAN = 0xc000
export const NUMERIC_SIGN_INFINITY = 0xd000
export const NUMERIC_SIGN_MINUS_INFINITY = 0xf000

/** Least significant first. One value at a time is put together, so one accumulator is enough. */
const limbs = new Uint32Array(4)

/** `numeric_send`: int16 digit groups of base 10,000, weight of the first, sign, display scale, then the groups. */
export function appendBinaryDecimal(
  builder: VectorBuilder,
  row: number,
  source: WireBuffer,
  offset: number,
  length: number,
  precision: number,
  scale: number,
): DecodeOutcome {
  if (length < 8) return INVALID_VALUE
  const view = source.view
  const groups = view.getUint16(offset)
  const sign = view.getUint16(offset + 4)
  if (sign >= NUMERIC_SIGN_NAN) return sign === NUMERIC_SIGN_NAN ? NUMERIC_NAN : NUMERIC_INFINITY
  if (length !== 8 + groups * 2) return INVALID_VALUE
  const negative = sign === NUMERIC_NEGATIVE
  if (groups === 0) {
    store(builder, row, 0)
    return OK
  }
  const weight = view.getInt16(offset + 2)
  const first = view.getUint16(offset + 8)
  const integerDigits = weight * 4 + (first >= 1000 ? 4 : first >= 100 ? 3 : first >= 10 ? 2 : 1)
  if (integerDigits > precision - scale) return NUMERIC_TOO_LARGE
  const exact = integerDigits + scale <= EXACT_DIGITS
  if (!exact) limbs.fill(0)
  let unscaled = 0
  // Power of ten, in units of the last digit that the column keeps, of the group at hand.
  let power = weight * 4 + scale
  for (let index = 0, at = offset + 8; index < groups; index++, at += 2, power -= 4) {
    const digits = view.getUint16(at)
    if (power >= 0) {
      if (exact) unscaled = unscaled * 10000 + digits
      else multiplyAdd(10000, digits)
      continue
    }
    if (power <= -4) {
      if (digits !== 0) return NUMERIC_TOO_PRECISE
      continue
    }
    const cut = power === -1 ? 10 : power === -2 ? 100 : 1000
    const kept = Math.floor(digits / cut)
    if (kept * cut !== digits) return NUMERIC_TOO_PRECISE
    if (exact) unscaled = unscaled * (10000 / cut) + kept
    else multiplyAdd(10000 / cut, kept)
  }
  // The last group may stand left of the column's last digit: 5000 is the one group 5000 with weight 0, at scale 2 times 100.
  const missing = power + 4
  if (exact) {
    if (missing > 0) unscaled *= POWERS[missing] as number
    store(builder, row, negative ? -unscaled : unscaled)
  } else {
    for (let rest = missing; rest > 0; rest -= 4) multiplyAdd(POWERS[Math.min(rest, 4)] as number, 0)
    storeLimbs(builder, row, negative)
  }
  return OK
}

/** Decimal digits with an optional sign and point, as `numeric_out` writes them. */
export function appendTextDecimal(
  builder: VectorBuilder,
  row: number,
  source: WireBuffer,
  offset: number,
  length: number,
  precision: number,
  scale: number,
): DecodeOutcome {
  const view = source.view
  const end = offset + length
  let at = offset
  let negative = false
  if (length > 0) {
    const first = view.getUint8(at)
    if (first === 0x2d || first === 0x2b) {
      negative = first === 0x2d
      at++
    }
  }
  if (at === end) return INVALID_VALUE
  limbs.fill(0)
  let unscaled = 0
  let digits = 0
  let fraction = -1
  let seen = false
  for (; at < end; at++) {
    const digit = view.getUint8(at) - 0x30
    if (digit < 0 || digit > 9) {
      if (digit === -2 && fraction < 0) {
        fraction = 0
        continue
      }
      return specialOutcome(source, offset, length)
    }
    seen = true
    if (fraction >= 0) {
      if (fraction === scale) {
        if (digit !== 0) return NUMERIC_TOO_PRECISE
        continue
      }
      fraction++
    }
    if (digits === 0 && digit === 0) continue
    digits++
    if (digits > precision) return NUMERIC_TOO_LARGE
    unscaled = pushDigit(unscaled, digits, digit)
  }
  if (!seen) return INVALID_VALUE
  for (let missing = scale - Math.max(fraction, 0); missing > 0 && digits > 0; missing--) {
    digits++
    if (digits > precision) return NUMERIC_TOO_LARGE
    unscaled = pushDigit(unscaled, digits, 0)
  }
  if (digits <= EXACT_DIGITS) store(builder, row, negative ? -unscaled : unscaled)
  else storeLimbs(builder, row, negative)
  return OK
}

/** The first 15 digits go into the number; with the 16th they move to the limbs. */
function pushDigit(unscaled: number, digits: number, digit: number): number {
  if (digits <= EXACT_DIGITS) return unscaled * 10 + digit
  if (digits === EXACT_DIGITS + 1) {
    limbs[0] = unscaled
    limbs[1] = unscaled / TWO_32
  }
  multiplyAdd(10, digit)
  return 0
}

function specialOutcome(source: WireBuffer, offset: number, length: number): DecodeOutcome {
  const text = Buffer.from(source.bytes.subarray(offset, offset + Math.min(length, 16))).toString('latin1')
  if (text === 'NaN') return NUMERIC_NAN
  return text === 'Infinity' || text === '-Infinity' ? NUMERIC_INFINITY : INVALID_VALUE
}

function multiplyAdd(factor: number, addend: number): void {
  let carry = addend
  for (let index = 0; index < 4; index++) {
    const product = (limbs[index] as number) * factor + carry
    limbs[index] = product
    carry = Math.floor(product / TWO_32)
  }
}

/** `unscaled` is whole and within ±2^53. */
function store(builder: VectorBuilder, row: number, unscaled: number): void {
  const width = builder.width
  const at = builder.open(row, width)
  const view = builder.view
  if (width === 4) view.setInt32(at, unscaled, true)
  else if (width === 8) {
    view.setInt32(at, unscaled, true)
    view.setInt32(at + 4, Math.floor(unscaled / TWO_32), true)
  } else {
    const sign = unscaled < 0 ? -1 : 0
    view.setInt32(at, sign)
    view.setInt32(at + 4, sign)
    view.setInt32(at + 8, Math.floor(unscaled / TWO_32))
    view.setInt32(at + 12, unscaled)
  }
}

function storeLimbs(builder: VectorBuilder, row: number, negative: boolean): void {
  if (negative) {
    let carry = 1
    for (let index = 0; index < 4; index++) {
      const sum = (~(limbs[index] as number) >>> 0) + carry
      limbs[index] = sum
      carry = sum >= TWO_32 ? 1 : 0
    }
  }
  const width = builder.width
  const at = builder.open(row, width)
  const view = builder.view
  if (width === 8) {
    view.setUint32(at, limbs[0] as number, true)
    view.setUint32(at + 4, limbs[1] as number, true)
  } else {
    for (let index = 0; index < 4; index++) view.setUint32(at + index * 4, limbs[3 - index] as number)
  }
}
