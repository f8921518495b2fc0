/** Cuts a plain file into ranges that begin and end with records, along the marks of its count. */
import type { RecordCount } from './record-counter.ts'

export interface RecordRange {
  readonly index: number
  /** Bytes of the file; the end is not included. */
  readonly from: number
  readonly to: number
  /** Of the first record, from 1. */
  readonly line: number
  /** Records before it. */
  readonly firstRecord: number
  readonly records: number
}

/**
 * One after the other they are everything from the first record on. Each has about `bytes`, more where a record is longer; the
 * last may be shorter. A file without records has none.
 */
export function recordRanges({ marks }: Pick<RecordCount, 'marks'>, bytes: number): readonly RecordRange[] {
  const ranges: RecordRange[] = []
  let begin = marks[0]
  for (const [index, mark] of marks.entries()) {
    if (begin === undefined || mark.byteOffset === begin.byteOffset) continue
    if (mark.byteOffset - begin.byteOffset < bytes && index < marks.length - 1) continue
    ranges.push({
      index: ranges.length,
      from: begin.byteOffset,
      to: mark.byteOffset,
      line: begin.line,
      firstRecord: begin.record,
      records: mark.record - begin.record,
    })
    begin = mark
  }
  return ranges
}
