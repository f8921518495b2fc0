/**
 * Stage files of one table as a relation in SQL, in terms of the table's layout.
 *
 * Its columns:
 * - `code`: orders the changes of a flush and says what they are: `(file number << 32 | row in the file) << 3 | kind`.
 *   NULL for rows that are quarantined whole. Row order in a file and the order of the files is the order of positions,
 *   so one integer stands for a position of 31 characters.
 * - `pos`: the position. `unchanged`, `quarantine`, `content_hash`: the system columns.
 * - `committed`: when it was committed, in microseconds since 1970; where the file does not say, when it was staged. Only for
 *   tables that keep every change or version.
 * - `k1`, `k2`, …: the key; `o1`, …: the key before the change; only for identity `key`.
 * - `v0`, `v1`, …: the values for the columns of `dataColumns(layout)`, as their types.
 */
import { dataColumn, oldKeyColumn, SYSTEM_COLUMNS } from '../../core/batch.ts'
import type { Position } from '../../core/position.ts'
import { type ColumnType, columnById, type TableSchema } from '../../core/table-schema.ts'
import {
  DELETE,
  INSERT,
  MOVE_IN,
  PARTIAL_MOVE_IN,
  PARTIAL_UPDATE,
  TRUNCATE,
  UPDATE,
} from '../../warehouse/change-code.ts'
import {
  columnForType,
  dataColumns,
  identityColumns,
  type LayoutColumn,
  type TableLayout,
  writeModeOf,
} from '../../warehouse/table-layout.ts'
import { duckdbType, isParsed } from './column-type.ts'
import { fileList, quoteIdentifier, quoteLiteral } from './identifiers.ts'
import { hasColumn, type InspectedFile } from './stage-inspection.ts'
import { missingValueLiteral } from './table-sql.ts'

export interface StageRelation {
  readonly files: readonly InspectedFile[]
  readonly layout: TableLayout
  /** The newest schema: its missing values fill columns that older files do not have. */
  readonly schema: TableSchema
  /** Rows before this position are left out. */
  readonly from: Position | undefined
  /** Values that DuckDB does not accept become NULL instead of failing the statement. */
  readonly careful: boolean
}

/** Rows of a file by their number in it. DuckDB reads the row groups that have some. */
export interface RowBounds {
  readonly firstRow?: number
  readonly endRow?: number
}

/** `first`, `end`: only the files with these numbers, which keep them; `bounds`: only these rows of each. */
export function relationSql(
  relation: StageRelation,
  first = 0,
  end = relation.files.length,
  bounds: RowBounds = {},
): string {
  if (first >= end) return emptySql(relation.layout)
  const parts: string[] = []
  for (let start = first; start < end; ) {
    const shape = shapeOf(relation.files[start], relation.layout)
    let stop = start + 1
    while (stop < end && shapeOf(relation.files[stop], relation.layout) === shape) stop++
    parts.push(partSql(relation, start, stop, bounds))
    start = stop
  }
  return `(${parts.join(' UNION ALL ')})`
}

function emptySql(layout: TableLayout): string {
  const texts = ['pos', 'unchanged', 'quarantine', 'content_hash'].map((name) => `NULL::VARCHAR AS ${name}`)
  const keys = layout.identity.kind === 'key' ? identityColumns(layout) : []
  const typed = (column: LayoutColumn, name: string) => `NULL::${duckdbType(column.type)} AS ${name}`
  const named = [
    ...(isDated(layout) ? ['NULL::BIGINT AS committed'] : []),
    ...keys.flatMap((column, index) => [typed(column, `k${index + 1}`), typed(column, `o${index + 1}`)]),
    ...dataColumns(layout).map((column, index) => typed(column, `v${index}`)),
  ]
  return `(SELECT NULL::BIGINT AS code, ${[...texts, ...named].join(', ')} WHERE false)`
}

/** Files with equal shapes are read together. Snapshot rows have no position of their own, so it must be the same. */
function shapeOf(inspected: InspectedFile | undefined, layout: TableLayout): string {
  if (inspected === undefined) return ''
  const { file, columns } = inspected
  const types = file.schema.columns.map((column) => [column.id, duckdbType(column.type)])
  const position = columns.has(SYSTEM_COLUMNS.position) ? '' : file.firstPosition
  const isStagedTime = isDated(layout) && !columns.has(SYSTEM_COLUMNS.committedAt)
  return JSON.stringify([types, position, isStagedTime])
}

function partSql(relation: StageRelation, start: number, stop: number, bounds: RowBounds): string {
  const { layout } = relation
  const files = relation.files.slice(start, stop)
  const list = fileList(files.map((file) => file.location))
  const optional = (name: string) => (hasColumn(files, name) ? quoteIdentifier(name) : 'NULL::VARCHAR')
  const kind = kindSql(layout, files)
  const selected = [
    `(((((file_index::BIGINT + ${start}) << 32) | file_row_number) << 3) | (${kind})) AS code`,
    `${positionSql(files)} AS pos`,
    `${optional(SYSTEM_COLUMNS.unchanged)} AS unchanged`,
    `${optional(SYSTEM_COLUMNS.quarantine)} AS quarantine`,
    `${optional(SYSTEM_COLUMNS.contentHash)} AS content_hash`,
    ...(isDated(layout) ? [`${committedSql(files)} AS committed`] : []),
    ...keySql(relation, files),
    ...dataColumns(layout).map((column, index) => `${valueSql(relation, files, column)} AS v${index}`),
  ]
  const where = whereSql(relation, files, bounds)
  return `SELECT ${selected.join(', ')} FROM read_parquet(${list}, union_by_name = ${files.length > 1}, hive_partitioning = false)${where}`
}

function positionSql(files: readonly InspectedFile[]): string {
  if (hasColumn(files, SYSTEM_COLUMNS.position)) return SYSTEM_COLUMNS.position
  return quoteLiteral(files[0]?.file.firstPosition ?? '')
}

function isDated(layout: TableLayout): boolean {
  return writeModeOf(layout) !== 'merge'
}

/** The files tell different times, and are read together all the same: each reader has memory of its own. */
function committedSql(files: readonly InspectedFile[]): string {
  const times = files.map(({ file }) => Math.round(file.stagedMs * 1000))
  if (hasColumn(files, SYSTEM_COLUMNS.committedAt))
    return `coalesce(epoch_us(${SYSTEM_COLUMNS.committedAt}), ${times[0]}::BIGINT)`
  return new Set(times).size === 1 ? `${times[0]}::BIGINT` : `([${times.join(', ')}]::BIGINT[])[file_index::BIGINT + 1]`
}

/** NULL positions: rows of aborted subtransactions, which do not exist. */
function whereSql(
  { from }: StageRelation,
  files: readonly InspectedFile[],
  { firstRow = 0, endRow }: RowBounds,
): string {
  const conditions: string[] = []
  if (firstRow > 0) conditions.push(`file_row_number >= ${firstRow}`)
  if (endRow !== undefined) conditions.push(`file_row_number < ${endRow}`)
  if (hasColumn(files, SYSTEM_COLUMNS.position)) {
    conditions.push(`${SYSTEM_COLUMNS.position} IS NOT NULL`)
    const later = from !== undefined && files.some(({ file }) => file.firstPosition < from)
    if (later) conditions.push(`${SYSTEM_COLUMNS.position} >= ${quoteLiteral(from)}`)
  }
  return conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
}

function kindSql(layout: TableLayout, files: readonly InspectedFile[]): string {
  if (!hasColumn(files, SYSTEM_COLUMNS.op)) return String(INSERT)
  const partial = hasColumn(files, SYSTEM_COLUMNS.unchanged) ? `${SYSTEM_COLUMNS.unchanged} IS NOT NULL` : 'false'
  const update = `CASE WHEN ${partial} THEN ${PARTIAL_UPDATE} ELSE ${UPDATE} END`
  const moved = movedSql(layout, files)
  const moveIn = `CASE WHEN ${partial} THEN ${PARTIAL_MOVE_IN} ELSE ${MOVE_IN} END`
  const updated = moved === undefined ? update : `CASE WHEN ${moved} THEN ${moveIn} ELSE ${update} END`
  // A file without the column, read together with one that has it, has inserts only.
  return `CASE coalesce(${SYSTEM_COLUMNS.op}, 'i') WHEN 'i' THEN ${INSERT} WHEN 'u' THEN ${updated} WHEN 'd' THEN ${DELETE} WHEN 't' THEN ${TRUNCATE} END`
}

/** Whether the key differs from the old one, as far as the file has one. */
function movedSql(layout: TableLayout, files: readonly InspectedFile[]): string | undefined {
  if (layout.identity.kind !== 'key') return undefined
  const parts = layout.identity.columnIds.flatMap((id) => {
    const [old, now] = [oldKeyColumn(id), dataColumn(id)]
    return hasColumn(files, old) ? [`(${old} IS NOT NULL AND ${old} IS DISTINCT FROM ${now})`] : []
  })
  return parts.length === 0 ? undefined : parts.join(' OR ')
}

function keySql(relation: StageRelation, files: readonly InspectedFile[]): readonly string[] {
  const { layout } = relation
  if (layout.identity.kind !== 'key') return []
  return identityColumns(layout).flatMap((column, index) => {
    const [now, old] = [dataColumn(column.id), oldKeyColumn(column.id)]
    const key = valueSql(relation, files, column)
    const type = files[0] === undefined ? undefined : columnById(files[0].file.schema, column.id)?.type
    const isStored = hasColumn(files, old) && hasColumn(files, now) && type !== undefined
    const before = isStored ? converted(`coalesce(${old}, ${now})`, type, column, relation.careful) : key
    return [`${key} AS k${index + 1}`, `${before} AS o${index + 1}`]
  })
}

function valueSql(relation: StageRelation, files: readonly InspectedFile[], column: LayoutColumn): string {
  const { layout, schema, careful } = relation
  const nothing = `NULL::${duckdbType(column.type)}`
  const inFile = files[0] === undefined ? undefined : columnById(files[0].file.schema, column.id)
  if (inFile !== undefined) {
    if (!hasColumn(files, dataColumn(column.id))) return nothing
    if (columnForType(layout, column.id, inFile.type) !== column) return nothing
    return converted(dataColumn(column.id), inFile.type, column, careful)
  }
  const newest = column.state === 'current' ? columnById(schema, column.id) : undefined
  const missing = newest === undefined ? undefined : missingValueLiteral(newest)
  return missing === undefined ? nothing : `CAST(${missing} AS ${duckdbType(column.type)})`
}

function converted(expression: string, from: ColumnType, to: LayoutColumn, careful: boolean): string {
  const cast = careful && isParsed(to.type) ? 'TRY_CAST' : 'CAST'
  // What a stage file holds as text is read as text also where the destination's column is text.
  const isText = from.kind === 'text' || isParsed(from)
  if (isText && to.type.kind === 'text') return expression
  return `${cast}(${expression} AS ${duckdbType(to.type)})`
}
