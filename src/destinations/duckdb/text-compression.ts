/**
 * Which compression DuckDB tries on the text of a snapshot.
 *
 * Before it writes a row group it tries each method on each column. For text that hardly repeats, trying the dictionary
 * is a sixth of the CPU of a whole load (0.7 of 4.7 seconds for 3M rows with three such columns), and it never wins. So it
 * is left out where no text column repeats, judged by the largest file.
 */
import type { Session } from './session.ts'
import type { InspectedFile } from './stage-inspection.ts'
import { relationSql } from './stage-relation.ts'
import { dataColumns, type LayoutColumn, type TableLayout } from './table-layout.ts'

/** Distinct values per value, above which a dictionary does not pay. */
const REPEATS_BELOW = 0.4
/** Fewer rows tell nothing. */
const SAMPLE_ROWS_MIN = 10_000

/** Runs `load`, a whole transaction, with what suits the files. */
export async function withTextCompression<T>(
  session: Session,
  layout: TableLayout,
  files: readonly InspectedFile[],
  load: () => Promise<T>,
): Promise<T> {
  if (!(await hardlyRepeats(session, layout, files))) return load()
  await session.run("SET disabled_compression_methods = 'dictionary'")
  try {
    return await load()
  } finally {
    await session.run("SET disabled_compression_methods = ''")
  }
}

async function hardlyRepeats(session: Session, layout: TableLayout, files: readonly InspectedFile[]): Promise<boolean> {
  const texts = dataColumns(layout).flatMap((column, index) => (isText(column) ? [`v${index}`] : []))
  const sample = files.toSorted((a, b) => b.file.rows - a.file.rows)[0]
  if (texts.length === 0 || sample === undefined || sample.file.rows < SAMPLE_ROWS_MIN) return false
  const shares = texts.map(
    (name) => `coalesce(approx_count_distinct(${name}) / nullif(count(${name}), 0), 1) > ${REPEATS_BELOW}`,
  )
  const rows = relationSql({ files: [sample], layout, schema: sample.file.schema, from: undefined, careful: true })
  const { rare } = await session.row(`SELECT ${shares.join(' AND ')} AS rare FROM ${rows}`)
  return rare === true
}

function isText(column: LayoutColumn): boolean {
  const { kind } = column.type
  return column.state === 'current' && (kind === 'text' || kind === 'json' || kind === 'bytes')
}
