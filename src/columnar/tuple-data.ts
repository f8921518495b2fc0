/** Offset behind the pgoutput TupleData at `offset` (int16 count, then per column `n`, `u`, or `t`/`b` with length and bytes). */
export function skipTuple(_buffer: Uint8Array, _offset: number): number {
  throw new Error('not written yet')
}
