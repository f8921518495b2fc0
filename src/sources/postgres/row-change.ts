/** One change of a row → rows of a builder. */
import type { OldTupleKind } from '../../columnar/change-builder.ts'
import { skipTuple } from '../../columnar/tuple-data.ts'
import { PipelineError } from '../../core/errors.ts'
import { shellWord } from '../../core/shell-word.ts'
import { MESSAGE, malformed, TUPLE } from './pgoutput.ts'
import type { FollowedTable, RowBuffer } from './stream-state.ts'

/** `at`: behind the relation's oid. Returns the number of rows. */
export function appendChange(type: number, rows: RowBuffer, buffer: Buffer, at: number, ordinal: number): number {
  const { builder } = rows
  const kind = buffer[at] ?? 0
  if (type === MESSAGE.insert) return builder.insert(buffer, at + 1, ordinal)
  if (kind !== TUPLE.fresh && kind !== TUPLE.key && kind !== TUPLE.old) throw malformed('a tuple has an unknown kind')
  if (type === MESSAGE.delete) return builder.delete(buffer, kind as OldTupleKind, at + 1, ordinal)
  if (kind === TUPLE.fresh) return builder.update(buffer, 0, 0, at + 1, ordinal)
  const fresh = skipTuple(buffer, at + 1)
  return builder.update(buffer, kind, at + 1, fresh + 1, ordinal)
}

export function changesWithoutIdentity(table: FollowedTable): PipelineError {
  return new PipelineError('source_gap', `Following ${table.name}`, {
    cause: new Error('updates or deletes arrive, but its rows were loaded without anything to recognise them by'),
    hint: `It has a key now: simplyload table resync ${shellWord(table.name)}`,
    context: { table: table.name },
  })
}
