/** Sizes as people write them in `simplyload.yaml`: bytes as a plain number, or with a unit: `64MiB`, `512MB`. */

const UNIT_BYTES = {
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  tb: 1000 ** 4,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
} as const

// The digits are limited so that all that matches is below 2^53.
export const BYTE_SIZE_PATTERN =
  /^(?:\d{1,15}(?: ?[bB])?|\d{1,6}(?:\.\d{1,9})? ?[kKmMgG][iI]?[bB]|\d{1,3}(?:\.\d{1,9})? ?[tT][iI]?[bB])$/

/** What an error message calls it. */
export const BYTE_SIZE_FORM = 'a size such as 64MiB, 512MB or a number of bytes'

/** Whole bytes. Throws a RangeError for text that `BYTE_SIZE_PATTERN` does not match, and for numbers that are not whole. */
export function byteSize(value: string | number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  const match = BYTE_SIZE_PATTERN.test(String(value)) ? /^([\d.]+) ?([a-z]*)$/i.exec(String(value)) : null
  if (match === null) throw new RangeError(`"${value}" is not ${BYTE_SIZE_FORM}`)
  const unit = (match[2] || 'b').toLowerCase() as keyof typeof UNIT_BYTES
  return Math.round(Number(match[1]) * UNIT_BYTES[unit])
}

/** The shortest exact form in binary units: 67,108,864 is `64MiB`, 1000 is `1000`. `bytes` is whole and not negative. */
export function formatByteSize(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB'] as const) {
    const size = UNIT_BYTES[unit.toLowerCase() as keyof typeof UNIT_BYTES]
    if (bytes > 0 && bytes % size === 0) return `${bytes / size}${unit}`
  }
  return String(bytes)
}
