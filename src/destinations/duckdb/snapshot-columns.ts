import {
  ACTIVE_ID,
  COMMITTED_AT_ID,
  END_ID,
  OPERATION_ID,
  ROW_ID_ID,
  START_ID,
  type TableLayout,
  writeModeOf,
} from '../../warehouse/table-layout.ts'
import { NO_END } from './version-writer.ts'

/** Column ids and values: what a row of a snapshot has besides the source's columns, load time, mark and position. */
export function snapshotColumns(layout: TableLayout, loadedBefore: number): readonly (readonly [number, string])[] {
  const rowId = rowIdSql(layout, loadedBefore)
  return [...(rowId === undefined ? [] : ([[ROW_ID_ID, rowId]] as const)), ...modeColumns(layout)]
}

function modeColumns(layout: TableLayout): readonly (readonly [number, string])[] {
  switch (writeModeOf(layout)) {
    case 'merge':
      return []
    case 'history':
      return [
        [START_ID, 'make_timestamptz(committed)'],
        [END_ID, NO_END],
        [ACTIVE_ID, 'true'],
      ]
    case 'append':
      return [
        [OPERATION_ID, "'read'"],
        [COMMITTED_AT_ID, 'make_timestamptz(committed)'],
      ]
  }
}

function rowIdSql(layout: TableLayout, loadedBefore: number): string | undefined {
  switch (layout.identity.kind) {
    case 'key':
      return undefined
    // Copies are counted when all are there; hardly any row has one. Where every change is a row, they are not.
    case 'bag':
      return writeModeOf(layout) === 'append' ? 'content_hash' : "content_hash || '/1'"
    // The rows of a snapshot share its position; file and row tell them apart.
    case 'append':
      return `pos || '/' || ((code >> 35) + ${loadedBefore}) || '/' || ((code >> 3) & 4294967295)`
  }
}
