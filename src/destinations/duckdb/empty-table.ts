/**
 * A table that has come from its snapshot without a row, and gets its rows as changes: file sets do. Now that rows are there to
 * look at, it gets the compression that suits them, as a snapshot's does.
 */
import type { Lease, TableFlush } from '../../core/destination.ts'
import { POSITION_ID, ROW_ID_ID, type TableLayout } from '../../warehouse/table-layout.ts'
import { sharesPositions } from '../../warehouse/total-features.ts'
import { takeLease } from './checkpoint.ts'
import { createTableSql } from './schema-evolution.ts'
import type { Session } from './session.ts'
import type { InspectedFile } from './stage-inspection.ts'
import { tableSql } from './table-sql.ts'
import { chooseTextCompression, SAMPLE_ROWS_MIN, type TextCompression, textMethods } from './text-compression.ts'

/** Only of tables that nobody sees yet: whoever made something of a table that is there is to find it. */
export async function compressEmpty(
  session: Session,
  lease: Lease,
  { into }: TableFlush,
  layout: TableLayout,
  files: readonly InspectedFile[],
): Promise<void> {
  if (into !== 'shadow' && into !== 'promote') return
  const { updates, deletes, truncates } = files[0]?.file.features ?? {}
  if (files.length === 0 || updates !== 0 || deletes !== 0 || truncates !== 0) return
  const found = await session.rows(`SELECT 1 FROM ${tableSql(layout)} LIMIT 1`)
  if (found.length > 0) return
  const texts = await chooseTextCompression(session, layout, files)
  const own = await ofPositions(session, layout, files)
  if (texts.size + own.size === 0) return
  await session.transaction(async () => {
    await takeLease(session, lease)
    await session.run(`DROP TABLE ${tableSql(layout)}`)
    await session.run(createTableSql(layout, new Map([...texts, ...own])))
  })
}

/** All rows of a file that its source wrote itself have one position: trying each method on it costs a tenth of a load, and on ids as much. */
async function ofPositions(
  session: Session,
  layout: TableLayout,
  files: readonly InspectedFile[],
): Promise<TextCompression> {
  const isLarge = files.some(({ file }) => file.rows >= SAMPLE_ROWS_MIN)
  if (!isLarge || !sharesPositions(files.map(({ file }) => file))) return new Map()
  const { rare, repeated } = await textMethods(session)
  return new Map([
    [POSITION_ID, repeated] as const,
    ...(layout.identity.kind === 'append' ? [[ROW_ID_ID, rare] as const] : []),
  ])
}
