/** What is written after an option or as an argument, read; what cannot be is told in one form. */
import { InvalidArgumentError } from 'commander'
import { BYTE_SIZE_FORM, BYTE_SIZE_PATTERN, byteSize, formatByteSize } from '../core/byte-size.ts'
import { DURATION_FORM, DURATION_PATTERN, durationMs } from '../core/duration.ts'

export function milliseconds(value: string): number {
  if (!DURATION_PATTERN.test(value)) throw new InvalidArgumentError(`It must be ${DURATION_FORM}.`)
  return durationMs(value)
}

export function size(value: string): number {
  if (!BYTE_SIZE_PATTERN.test(value)) throw new InvalidArgumentError(`It must be ${BYTE_SIZE_FORM}.`)
  return byteSize(value)
}

/** What Node, the counting reader and DuckDB need to check a file at all. */
const CHECK_MEMORY_MIN = 512 * 2 ** 20

export function checkMemory(value: string): number {
  const bytes = size(value)
  if (bytes < CHECK_MEMORY_MIN)
    throw new InvalidArgumentError(`It must be at least ${formatByteSize(CHECK_MEMORY_MIN)}.`)
  return bytes
}

export function assignment(value: string, earlier: readonly string[]): readonly string[] {
  if (!/^[^=\s]+=/.test(value)) throw new InvalidArgumentError('It must look like key=value.')
  return [...earlier, value]
}

export function positive(value: string): number {
  const number = whole(value)
  if (number < 1) throw new InvalidArgumentError('It must be at least 1.')
  return number
}

export function portNumber(value: string): number {
  const number = whole(value)
  if (number > 65_535) throw new InvalidArgumentError('It must be at most 65535.')
  return number
}

export function whole(value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(value)
}
