/**
 * Reading a journal from some place on, line by line.
 *
 * An appended line is acknowledged when it is whole on the disk, and only then another one follows. So of all lines only
 * the last one may be torn, and then nobody was told that it had been written: one without its end, or one in which the
 * power failed before all of its blocks were written, which leaves zero bytes. Anything else that does not fit its
 * checksum was written whole once, and is damage.
 */
import type { FileHandle } from 'node:fs/promises'
import { decodeLine, NEWLINE } from './journal-line.ts'

const READ_BYTES = 1 << 20

export interface ScanEnd {
  /** Offset behind the last whole line. What follows it is a torn line, or nothing. */
  readonly end: number
  /** Offset of a line that is damaged; then lines from there on were not handed out. */
  readonly damagedAt: number | undefined
}

/** `take` gets each whole line; false: it is not what should come here. */
export async function scanLines(file: FileHandle, from: number, take: (value: unknown) => boolean): Promise<ScanEnd> {
  let end = from
  /** What has been read behind `end`. */
  let rest = Buffer.alloc(0)
  /** Where to look for the next end of a line. */
  let searched = 0
  let suspect: { readonly at: number; readonly line: Buffer } | undefined
  for (;;) {
    const newline = rest.indexOf(NEWLINE, searched)
    if (newline < 0) {
      searched = rest.length
      const buffer = Buffer.allocUnsafe(READ_BYTES)
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, end + rest.length)
      if (bytesRead === 0) break
      rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
      continue
    }
    if (suspect !== undefined) return { end: suspect.at, damagedAt: suspect.at }
    const line = rest.subarray(0, newline)
    const value = decodeLine(line)
    if (value === undefined) suspect = { at: end, line: Buffer.from(line) }
    else if (!take(value)) return { end, damagedAt: end }
    rest = rest.subarray(newline + 1)
    end += newline + 1
    searched = 0
  }
  if (suspect === undefined) return { end, damagedAt: undefined }
  const isTorn = rest.length === 0 && suspect.line.includes(0)
  return { end: suspect.at, damagedAt: isTorn ? undefined : suspect.at }
}
