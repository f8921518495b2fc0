/** The tuple is not complete in the buffer. */
export const INCOMPLETE = -1
/** The end marker of COPY binary. */
export const TRAILER = -2

/**
 * Where the COPY binary tuple at `offset` ends, its int16 field count included. `INCOMPLETE` when it reaches past `end`,
 * `TRAILER` for the end marker. The bytes before `end` must be in the buffer.
 */
export function scanTuple(buffer: Uint8Array, offset: number, end: number): number {
  let at = offset + 2
  if (at > end) return INCOMPLETE
  let fields = ((buffer[offset] as number) << 8) | (buffer[offset + 1] as number)
  if (fields === 0xffff) return TRAILER
  for (; fields > 0; fields--) {
    if (at + 4 > end) return INCOMPLETE
    const length =
      ((buffer[at] as number) << 24) |
      ((buffer[at + 1] as number) << 16) |
      ((buffer[at + 2] as number) << 8) |
      (buffer[at + 3] as number)
    at += length > 0 ? 4 + length : 4
  }
  return at > end ? INCOMPLETE : at
}
