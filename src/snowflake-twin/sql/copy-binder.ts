/** COPY INTO a table (docs: sql-reference/sql/copy-into-table, user-guide/data-load-transform). */
import { assigned } from './assignment.ts'
import type { Statement } from './binding.ts'
import { checkWidth, chosenColumns, insertSelect } from './dml-binder.ts'
import { fileFormat, stageLocation } from './object-name.ts'
import type { CopyPlan } from './plan.ts'
import { bindQuery } from './query-binder.ts'
import { columnValue, Scope } from './scope.ts'
import type { Relation, RelationColumn, StageRows } from './session-context.ts'
import { SnowflakeError } from './snowflake-error.ts'
import { stagePath, stagePosition } from './stage-value.ts'
import type { CopyStatement } from './statement-tree.ts'
import { quoted } from './stored-name.ts'
import type { Query } from './syntax-tree.ts'
import { targetRelation } from './table-binder.ts'

/** `again` gives a fresh Statement in which the stage of the query is these rows. */
export function bindCopy(
  statement: Statement,
  copy: CopyStatement,
  again: (rows: StageRows | undefined) => Statement,
): CopyPlan {
  const { context } = statement
  const target = targetRelation(statement, copy.table, 'COPY')
  const columns = chosenColumns(statement, target, copy.columns)
  const match = copy.options.get('MATCH_BY_COLUMN_NAME')
  const matching = typeof match === 'string' && match.toUpperCase() !== 'NONE' ? match.toUpperCase() : undefined
  if (copy.query !== undefined) checkTransformation(copy.query, matching)
  return {
    kind: 'copy',
    target,
    source: {
      location: stageLocation(context, copy.location, 'COPY'),
      files: copy.files,
      pattern: copy.pattern,
      format: fileFormat(context, copy.format, 'COPY'),
    },
    options: copy.options,
    transforms: copy.query !== undefined,
    insert: (rows) => {
      const fresh = again(rows)
      if (copy.query !== undefined) return insertTransformed(fresh, target, columns, copy.query)
      return insertPlain(fresh, target, columns, rows, matching)
    },
  }
}

/** A COPY may choose, convert and rename columns, no more. */
function checkTransformation(query: Query, matching: string | undefined): void {
  const { body } = query
  const simple =
    body.type === 'select' &&
    query.orderBy.length === 0 &&
    query.limit === undefined &&
    body.where === undefined &&
    body.groupBy === undefined &&
    body.having === undefined &&
    body.qualify === undefined &&
    body.top === undefined
  if (!simple) {
    throw new SnowflakeError(
      '002098',
      '0A000',
      'SQL compilation error:\nCOPY statement only supports simple SELECT from stage statements for import.',
    )
  }
  if (matching !== undefined) {
    throw new SnowflakeError(
      '002099',
      '0A000',
      'SQL compilation error:\nmatch_by_column_name is not supported with copy transform.',
    )
  }
}

function insertTransformed(
  statement: Statement,
  target: Relation,
  columns: readonly RelationColumn[],
  query: Query,
): string {
  const bound = bindQuery(statement, query, new Scope(undefined))
  checkWidth(columns.length, bound.columns.length)
  const alias = statement.fresh('t')
  const given = new Map(
    columns.map((column, index) => {
      const from = bound.columns[index]
      if (from === undefined) throw new Error('a column is missing')
      const sql = `${alias}.${quoted(from.stored)}`
      const value = columnValue(from, sql)
      // `$1:v` without a cast is a VARIANT, which the column's type takes.
      return [column, assigned(statement, column, value)]
    }),
  )
  return insertSelect(statement, target, given, ` FROM (${bound.sql}) AS ${alias}`)
}

function insertPlain(
  statement: Statement,
  target: Relation,
  columns: readonly RelationColumn[],
  rows: StageRows,
  matching: string | undefined,
): string {
  const alias = statement.fresh('t')
  const given = new Map<RelationColumn, string>()
  const from = ` FROM ${rows.from} AS ${alias}`
  if (matching !== undefined) {
    for (const column of columns) {
      const found = rows.columns.find(({ name }) => sameName(name, column.name, matching))
      if (found === undefined) continue
      const position = { type: 'position', qualifier: undefined, index: 1, start: 0, end: 0 } as const
      const path = stagePath(statement, rows, alias, position, [{ field: found.name }])
      if (path !== undefined) given.set(column, assigned(statement, column, path.column))
    }
    return insertSelect(statement, target, given, from)
  }
  if (rows.type !== 'csv' && columns.length !== 1) {
    throw new SnowflakeError(
      '002092',
      '0A000',
      'SQL compilation error:\nJSON/XML/AVRO/PARQUET file format can produce one and only one column of type variant, object, or array. Load data into separate columns using the MATCH_BY_COLUMN_NAME copy option or copy with transformation.',
    )
  }
  columns.forEach((column, index) => {
    given.set(column, assigned(statement, column, stagePosition(statement, rows, alias, index + 1)))
  })
  return insertSelect(statement, target, given, from)
}

function sameName(file: string, column: string, matching: string): boolean {
  return matching === 'CASE_SENSITIVE' ? file === column : file.toUpperCase() === column.toUpperCase()
}
