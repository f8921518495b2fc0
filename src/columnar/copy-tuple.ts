/** The tuple is not complete in the buffer. */
export const INCOMPLETE = -1
/** The end marker of COPY binary. */
export const TRAILER = -2

/**
 * Where the COPY binary tuple at `offset` ends, its int16 field count included. `INCOMPLETE` when it reaches past `end`,
 * `TRAILER` for the end marker.
 */
export function scanTuple(_buffer: Uint8Array, _offset: number, _end: number): number {
  throw new Error('not written yet')
}
