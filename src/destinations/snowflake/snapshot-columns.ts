/** What a row of a snapshot has besides the source's columns, load time, mark and position. */
import type { StageFile } from '../../core/stage.ts'
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
import { quoteLiteral } from './identifiers.ts'
import { NO_END, timestampOf } from './sql-time.ts'
import type { StageFiles } from './stage-files.ts'
import { byFile, ROW_NUMBER, systemColumn } from './staged-columns.ts'
import { committedSql } from './staged-rows.ts'

/** Column id and value. */
type OwnValue = readonly [number, string]

interface Parts {
  readonly committed: string
  readonly contentHash: string
  /** `<position>/<file>/<row>`, unique in the table. */
  readonly place: string
}

/** Selected by a COPY. `loadedBefore`: files that are in the table. */
export function valuesOfFiles(
  layout: TableLayout,
  files: readonly StageFile[],
  stage: StageFiles,
  loadedBefore: number,
): readonly OwnValue[] {
  const pathOf = (file: StageFile) => stage.pathOf(file)
  const file = byFile(files, pathOf, (each, index) => quoteLiteral(`${each.firstPosition}/${loadedBefore + index}/`))
  return values(layout, {
    committed: committedSql(files, pathOf),
    contentHash: systemColumn('contentHash'),
    place: `(${file}) || ${ROW_NUMBER}::VARCHAR`,
  })
}

/** Selected from staged rows. */
export function valuesOfStaged(layout: TableLayout, loadedBefore: number): readonly OwnValue[] {
  const whole = (expression: string) => `CAST(FLOOR(${expression}) AS NUMBER(19,0))`
  const file = `CAST(${whole('code / 34359738368')} + ${loadedBefore} AS VARCHAR)`
  const row = `CAST(MOD(${whole('code / 8')}, 4294967296) AS VARCHAR)`
  return values(layout, {
    committed: timestampOf('committed'),
    contentHash: 'content_hash',
    place: `pos || '/' || ${file} || '/' || ${row}`,
  })
}

function values(layout: TableLayout, parts: Parts): readonly OwnValue[] {
  const rowId = rowIdSql(layout, parts)
  return [...(rowId === undefined ? [] : ([[ROW_ID_ID, rowId]] as const)), ...modeValues(layout, parts)]
}

function modeValues(layout: TableLayout, { committed }: Parts): readonly OwnValue[] {
  switch (writeModeOf(layout)) {
    case 'merge':
      return []
    case 'history':
      return [
        [START_ID, committed],
        [END_ID, NO_END],
        [ACTIVE_ID, 'TRUE'],
      ]
    case 'append':
      return [
        [OPERATION_ID, "'read'"],
        [COMMITTED_AT_ID, committed],
      ]
  }
}

function rowIdSql(layout: TableLayout, { contentHash, place }: Parts): string | undefined {
  switch (layout.identity.kind) {
    case 'key':
      return undefined
    // Copies are counted when all are there; hardly any row has one. Where every change is a row, they are not.
    case 'bag':
      return writeModeOf(layout) === 'append' ? contentHash : `${contentHash} || '/1'`
    // The rows of a snapshot share its position; file and row tell them apart.
    case 'append':
      return place
  }
}
