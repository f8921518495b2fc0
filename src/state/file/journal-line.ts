/** A line of the journal: a checksum of eight hex digits, a space, and JSON, which has no line break of its own. */
import { crc32 } from 'node:zlib'

const CHECKSUM_DIGITS = 8
export const NEWLINE = 0x0a

export function encodeLine(value: object): Buffer {
  const json = JSON.stringify(value)
  return Buffer.from(`${checksum(Buffer.from(json))} ${json}\n`)
}

/** `line` without its end. Undefined where it is not what was written. */
export function decodeLine(line: Buffer): unknown {
  if (line.length <= CHECKSUM_DIGITS || line[CHECKSUM_DIGITS] !== 0x20) return undefined
  const body = line.subarray(CHECKSUM_DIGITS + 1)
  if (line.toString('latin1', 0, CHECKSUM_DIGITS) !== checksum(body)) return undefined
  return JSON.parse(body.toString())
}

export function checksum(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(CHECKSUM_DIGITS, '0')
}
