/**
 * Records that are longer than the reader takes. DuckDB refuses one that is a little too long, and passes over one of several
 * hundred megabytes without a word, or says that of its neighbour; another reader sees each of them.
 */
import type { FoundFile } from '../../core/file-set.ts'
import { RECORD_BYTES_MAX } from '../../file-sets/read-statement.ts'
import type { RecordCount } from '../../file-sets/record-counter.ts'
import { walkRecords } from './record-locator.ts'
import { LENGTH_REASON, type RejectedRecord, type RejectList } from './reject-list.ts'

interface LongRecord {
  /** In the text. */
  readonly offset: number
  /** Of the record before it. */
  readonly before: number | undefined
}

/** Reads the file again only where records begin so far apart that one of them may be too long. */
export async function longRecords(
  file: FoundFile,
  { marks }: RecordCount,
  signal: AbortSignal,
): Promise<readonly LongRecord[]> {
  const isFar = marks.some(
    ({ byteOffset }, at) => byteOffset - (marks[at - 1]?.byteOffset ?? byteOffset) > RECORD_BYTES_MAX,
  )
  if (!isFar) return []
  const found: LongRecord[] = []
  let before: number | undefined
  await walkRecords(
    file,
    {
      rejected: [],
      before: async () => undefined,
      see: ({ byteOffset, length }) => {
        if (length > RECORD_BYTES_MAX) found.push({ offset: byteOffset, before })
        before = byteOffset
        return true
      },
    },
    signal,
  )
  return found
}

/** `shift`: from offsets of the reader to those in the text. `open`: records that are neither parsed nor refused, by another count. */
export function withLongRecords(
  rejects: RejectList,
  long: readonly LongRecord[],
  { shift, open }: { readonly shift: number; readonly open: number },
): RejectList {
  const known = new Set(rejects.filter(({ kind }) => kind === 'length').map(({ offset }) => offset + shift))
  const passed = long.filter(({ offset }) => !known.has(offset))
  if (passed.length === 0) return rejects
  const own = passed.map(
    ({ offset }): RejectedRecord => ({
      kind: 'length',
      offset: offset - shift,
      reason: LENGTH_REASON,
      isPassedOver: true,
    }),
  )
  let wrong = passed.length - open
  const neighbours = new Set(passed.map(({ before }) => before))
  const offsets = new Set(passed.map(({ offset }) => offset))
  const right = rejects.filter(({ offset }) => {
    if (offsets.has(offset + shift)) return false
    return !(neighbours.has(offset + shift) && wrong-- > 0)
  })
  return [...right, ...own].sort((a, b) => a.offset - b.offset)
}
