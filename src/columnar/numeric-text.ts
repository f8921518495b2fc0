/** Numbers as Postgres' own output functions write them. */
import { NUMERIC_NEGATIVE, NUMERIC_SIGN_INFINITY, NUMERIC_SIGN_MINUS_INFINITY, NUMERIC_SIGN_NAN } from './decimal.ts'
import { type DecodeOutcome, INVALID_VALUE, OK } from './decode-outcome.ts'
import type { TextWriter } from './text-writer.ts'
import type { WireBuffer } from './wire-buffer.ts'

/** `numeric_out` of a value in the form of `numeric_send`. */
export function writeNumeric(writer: TextWriter, source: WireBuffer, offset: number, length: number): DecodeOutcome {
  if (length < 8) return INVALID_VALUE
  const view = source.view
  const groups = view.getUint16(offset)
  const weight = view.getInt16(offset + 2)
  const sign = view.getUint16(offset + 4)
  const scale = view.getUint16(offset + 6)
  if (length !== 8 + groups * 2) return INVALID_VALUE
  if (sign >= NUMERIC_SIGN_NAN) {
    if (sign === NUMERIC_SIGN_NAN) writer.ascii('NaN')
    else if (sign === NUMERIC_SIGN_INFINITY) writer.ascii('Infinity')
    else if (sign === NUMERIC_SIGN_MINUS_INFINITY) writer.ascii('-Infinity')
    else return INVALID_VALUE
    return OK
  }
  if (sign === NUMERIC_NEGATIVE) writer.byte(0x2d)
  const digits = offset + 8
  if (weight < 0) writer.byte(0x30)
  for (let group = 0; group <= weight; group++) {
    writer.padded(group < groups ? view.getUint16(digits + group * 2) : 0, group === 0 ? 1 : 4)
  }
  if (scale === 0) return OK
  writer.byte(0x2e)
  for (let group = weight + 1, rest = scale; rest > 0; group++, rest -= 4) {
    const value = group >= 0 && group < groups ? view.getUint16(digits + group * 2) : 0
    if (rest >= 4) writer.padded(value, 4)
    else writer.padded(Math.floor(value / (rest === 3 ? 10 : rest === 2 ? 100 : 1000)), rest)
  }
  return OK
}

/** `float8out` with `extra_float_digits` at its default: the shortest digits that give the same value again. */
export function writeFloat64(writer: TextWriter, value: number): void {
  if (Number.isInteger(value) && Math.abs(value) < 1e15 && !Object.is(value, -0)) writer.integer(value)
  else writer.ascii(shortest(value, value.toExponential(), 15))
}

/** `float4out`. */
export function writeFloat32(writer: TextWriter, value: number): void {
  if (Number.isInteger(value) && Math.abs(value) < 1e6 && !Object.is(value, -0)) {
    writer.integer(value)
    return
  }
  // JavaScript's shortest digits are those of the double; nine digits always tell two float4 apart.
  let exponential = ''
  for (let digits = 0; digits < 9; digits++) {
    exponential = value.toExponential(digits)
    if (Math.fround(Number(exponential)) === value) break
    // Below a power of two its neighbours are twice as near as above, so the next decimal up, though farther, may still be it.
    exponential = nextUp(exponential, digits)
    if (Math.fround(Number(exponential)) === value) break
  }
  writer.ascii(shortest(value, exponential, 6))
}

/** The decimal with as many digits that is next to `exponential`, away from zero. */
function nextUp(exponential: string, digits: number): string {
  const split = exponential.indexOf('e')
  const exponent = Number(exponential.slice(split + 1)) - digits
  const unscaled = Number(exponential.slice(0, split).replace('.', ''))
  return Number(`${unscaled + Math.sign(unscaled)}e${exponent}`).toExponential(digits)
}

/** `exponential`: `d.ddde±x`. From 10^`fixedDigits` on, and below 10^-4, Postgres writes an exponent of at least two digits. */
function shortest(value: number, exponential: string, fixedDigits: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const split = exponential.indexOf('e')
  const exponent = Number(exponential.slice(split + 1))
  const sign = value < 0 ? '-' : ''
  const digits = exponential.slice(value < 0 ? 1 : 0, split).replace('.', '')
  if (exponent < -4 || exponent >= fixedDigits) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
    return `${sign}${digits.slice(0, 1)}${fraction}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, '0')
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`
}
