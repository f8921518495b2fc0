import { PipelineError } from '../core/errors.ts'

/** Offset behind the pgoutput TupleData at `offset` (int16 count, then per column `n`, `u`, or `t`/`b` with length and bytes). */
export function skipTuple(buffer: Uint8Array, offset: number): number {
  let columns = ((buffer[offset] as number) << 8) | (buffer[offset + 1] as number)
  let at = offset + 2
  for (; columns > 0; columns--) {
    const kind = buffer[at] as number
    if (kind === 0x6e || kind === 0x75) {
      at++
      continue
    }
    if (kind !== 0x62 && kind !== 0x74) throw unknownValueKind(kind)
    const length =
      ((buffer[at + 1] as number) << 24) |
      ((buffer[at + 2] as number) << 16) |
      ((buffer[at + 3] as number) << 8) |
      (buffer[at + 4] as number)
    at += 5 + length
  }
  return at
}

export function unknownValueKind(kind: number): PipelineError {
  return new PipelineError('source_protocol', `Reading a value of the unknown kind 0x${kind.toString(16)}`)
}
