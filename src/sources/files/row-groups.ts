/**
 * Cuts a Parquet file into parts along its row groups, where it lies: DuckDB reads only those of the rows that it is asked
 * for. How many rows a part must give is what the end of the file says of it.
 */
import type { FoundFile } from '../../core/file-set.ts'
import { invariant } from '../../core/invariant.ts'
import type { FilePart, PartStart } from './file-parts.ts'

/** In the order of the file. */
export interface RowGroup {
  readonly rows: number
  /** In the file. */
  readonly packedBytes: number
  readonly unpackedBytes: number
}

/** At least one part, which may be empty. `partBytes`: unpacked; offsets are those of packed bytes. */
export function* rowGroupParts(
  file: FoundFile,
  groups: readonly RowGroup[],
  start: PartStart,
  partBytes: number,
): Generator<FilePart> {
  let number = start.range
  let part = { from: 0, row: 0 }
  let [at, row, bytes] = [0, 0, 0]
  for (const [index, { rows, packedBytes, unpackedBytes }] of groups.entries()) {
    at += packedBytes
    row += rows
    bytes += unpackedBytes
    const isDone = start.range > 0 && at <= start.offset
    const isLast = index === groups.length - 1
    if (!isDone && !isLast && bytes < partBytes) continue
    if (!isDone) yield partOf(file, number++, part, { from: at, row }, isLast)
    part = { from: at, row }
    bytes = 0
  }
  if (groups.length === 0) yield partOf(file, number, part, part, true)
  invariant(number > start.range || groups.length === 0, 'a Parquet file that is begun has row groups left')
}

interface Place {
  readonly from: number
  readonly row: number
}

function partOf(file: FoundFile, number: number, from: Place, to: Place, isLast: boolean): FilePart {
  return {
    number,
    path: file.path,
    prologue: undefined,
    from: from.from,
    next: to.from,
    line: from.row + 1,
    records: to.row - from.row,
    fileBytes: to.from,
    isLast,
    release: async () => undefined,
  }
}
