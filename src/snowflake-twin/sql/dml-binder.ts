/** INSERT, UPDATE and DELETE as DuckDB statements. */
import { assigned, defaultOf } from './assignment.ts'
import { bindConstant } from './bind-constant.ts'
import type { Statement } from './binding.ts'
import { compilationError } from './binding.ts'
import { ExpressionBinder } from './expression-binder.ts'
import type { DmlPlan, DmlStep } from './plan.ts'
import { bindQuery } from './query-binder.ts'
import { columnValue, Scope, scopeColumns } from './scope.ts'
import type { Relation, RelationColumn } from './session-context.ts'
import { SnowflakeError } from './snowflake-error.ts'
import type { DeleteStatement, InsertStatement, UpdateStatement } from './statement-tree.ts'
import { quoted } from './stored-name.ts'
import type { Expression, Query } from './syntax-tree.ts'
import { bindTables, targetRelation } from './table-binder.ts'
import type { Value } from './value.ts'

const nested = (statement: Statement) => (query: Query, scope: Scope) => bindQuery(statement, query, scope)

const OVERWRITE = 'temp.main.sf_overwrite'

export function bindInsert(statement: Statement, insert: InsertStatement): DmlPlan {
  const target = targetRelation(statement, insert.table, 'INSERT')
  const columns = chosenColumns(statement, target, insert.columns)
  const rows = Array.isArray(insert.source)
    ? rowsOfValues(statement, target, columns, insert.source)
    : rowsOfQuery(statement, target, columns, insert.source as Query)
  // The rows may come from the table itself: they are read before it is emptied.
  const steps: readonly DmlStep[] = insert.overwrite
    ? [
        { sql: `CREATE OR REPLACE TEMP TABLE sf_overwrite AS ${rows}` },
        { sql: `DELETE FROM ${target.from}` },
        { sql: `${insertInto(target)} SELECT * FROM ${OVERWRITE}`, counts: 'inserted' },
      ]
    : [{ sql: `${insertInto(target)} ${rows}`, counts: 'inserted' }]
  return {
    kind: 'dml',
    verb: 'insert',
    target,
    reads: statement.reads,
    locks: insert.overwrite,
    steps,
    cleanup: insert.overwrite ? [`DROP TABLE IF EXISTS ${OVERWRITE}`] : [],
    counts: ['inserted'],
  }
}

/** The columns of an INSERT, COPY or MERGE … INSERT, in the order of its values. */
export function chosenColumns(
  statement: Statement,
  target: Relation,
  names: readonly string[] | undefined,
): readonly RelationColumn[] {
  if (names === undefined) return target.columns
  return names.map((name, index) => {
    const column = columnNamed(statement, target, name)
    if (names.indexOf(name) === index) return column
    throw new SnowflakeError('002025', '42S21', `SQL compilation error:\nduplicate column name '${name}'`)
  })
}

export function columnNamed(statement: Statement, target: Relation, name: string): RelationColumn {
  const column = target.columns.find((one) => one.name === name)
  if (column === undefined)
    throw compilationError(statement, { start: 0 }, '000904', '42000', `invalid identifier '${name}'`)
  return column
}

export function checkWidth(columns: number, values: number): void {
  if (columns === values) return
  throw new SnowflakeError(
    '002020',
    '21S01',
    `SQL compilation error:\nInsert value list does not match column list expecting ${columns} but got ${values}`,
  )
}

function insertInto(target: Relation): string {
  return `INSERT INTO ${target.from} (${target.columns.map((column) => quoted(column.stored)).join(', ')})`
}

/** `INSERT INTO target (all columns) SELECT …`: `given` has the expressions of the columns that have one. */
export function insertSelect(
  statement: Statement,
  target: Relation,
  given: ReadonlyMap<RelationColumn, string>,
  from: string,
): string {
  return `${insertInto(target)} ${selectRows(statement, target, given, from)}`
}

function selectRows(
  statement: Statement,
  target: Relation,
  given: ReadonlyMap<RelationColumn, string>,
  from: string,
): string {
  return `SELECT ${target.columns.map((column) => given.get(column) ?? defaultOf(statement, column)).join(', ')}${from}`
}

function rowsOfQuery(statement: Statement, target: Relation, columns: readonly RelationColumn[], query: Query): string {
  const bound = bindQuery(statement, query, new Scope(undefined))
  checkWidth(columns.length, bound.columns.length)
  const alias = statement.fresh('t')
  const given = new Map(
    columns.map((column, index) => {
      const from = bound.columns[index]
      if (from === undefined) throw new Error('a column is missing')
      const value = columnValue(from, `${alias}.${quoted(from.stored)}`)
      return [column, assigned(statement, column, value)]
    }),
  )
  return selectRows(statement, target, given, ` FROM (${bound.sql}) AS ${alias}`)
}

function rowsOfValues(
  statement: Statement,
  target: Relation,
  columns: readonly RelationColumn[],
  rows: readonly (readonly (Expression | undefined)[])[],
): string {
  const binder = new ExpressionBinder(statement, new Scope(undefined), nested(statement))
  const texts: string[] = []
  for (const row of rows) {
    checkWidth(columns.length, row.length)
    for (let repeat = 0; repeat < arrayRows(statement, row); repeat += 1) {
      const given = new Map(
        row.map((expression, index) => {
          const column = columns[index]
          if (column === undefined) throw new Error('a column is missing')
          return [
            column,
            expression === undefined
              ? defaultOf(statement, column)
              : assigned(statement, column, bindIn(binder, expression, repeat)),
          ]
        }),
      )
      texts.push(`(${target.columns.map((column) => given.get(column) ?? defaultOf(statement, column)).join(', ')})`)
    }
  }
  return `SELECT * FROM (VALUES ${texts.join(', ')}) AS rows_of_values`
}

/** How many rows one row of VALUES stands for: as many as an array binding has. */
function arrayRows(statement: Statement, row: readonly (Expression | undefined)[]): number {
  let count = 1
  for (const expression of row) {
    if (expression?.type !== 'bind') continue
    const bound = statement.context.binds[expression.index - 1]
    if (bound !== undefined && Array.isArray(bound.value)) count = bound.value.length
  }
  return count
}

function bindIn(binder: ExpressionBinder, expression: Expression, row: number): Value {
  return expression.type === 'bind' ? bindConstant(binder.statement, expression, row) : binder.bind(expression)
}

/** The target as a relation that expressions can name. */
export function targetScope(target: Relation, alias: string | undefined, stored: string) {
  const { name } = target
  const full = name === undefined ? [] : [name.database, name.schema, name.name]
  return { qualifier: alias === undefined ? full : [alias], columns: scopeColumns(stored, target.columns) }
}

export function bindUpdate(statement: Statement, update: UpdateStatement): DmlPlan {
  const target = targetRelation(statement, update.table, 'UPDATE')
  const stored = statement.fresh('t')
  const scope = new Scope(undefined)
  const own = targetScope(target, update.alias, stored)
  const from =
    update.from === undefined
      ? undefined
      : bindTables({ statement, bindQuery: nested(statement), bindOther: bindQuery }, update.from, scope, [])
  scope.relations = [own, ...(from?.relations ?? [])]
  const binder = new ExpressionBinder(statement, scope, nested(statement))
  const sets = update.assignments.map(({ column: name, value }) => {
    const column = columnNamed(statement, target, name)
    return {
      column,
      sql: value === undefined ? defaultOf(statement, column) : assigned(statement, column, binder.bind(value)),
    }
  })
  const where = update.where === undefined ? '' : ` WHERE ${binder.condition(update.where)}`
  const head = {
    kind: 'dml',
    verb: 'update',
    target,
    reads: statement.reads,
    locks: true,
    counts: ['updated', 'multi_joined'],
  } as const
  if (from === undefined) {
    const list = sets.map(({ column, sql }) => `${quoted(column.stored)} = ${sql}`).join(', ')
    return {
      ...head,
      steps: [{ sql: `UPDATE ${target.from} AS ${stored} SET ${list}${where}`, counts: 'updated' }],
      cleanup: [],
    }
  }
  // A row that meets several rows of FROM is updated by one of them; which one, Snowflake does not say either.
  const rows = 'temp.main.sf_update'
  const values = sets.map(({ sql }, index) => `, ${sql} AS v${index + 1}`).join('')
  const list = sets.map(({ column }, index) => `${quoted(column.stored)} = r.v${index + 1}`).join(', ')
  return {
    ...head,
    steps: [
      {
        sql:
          `CREATE OR REPLACE TEMP TABLE sf_update AS SELECT ${stored}.rowid AS sf_row, count(*) OVER (PARTITION BY ${stored}.rowid) AS sf_joined${values} ` +
          `FROM ${target.from} AS ${stored} CROSS JOIN ${from.sql}${where} QUALIFY row_number() OVER (PARTITION BY ${stored}.rowid) = 1`,
      },
      ...multiJoined(statement, rows),
      {
        sql: `UPDATE ${target.from} AS ${stored} SET ${list} FROM ${rows} AS r WHERE ${stored}.rowid = r.sf_row`,
        counts: 'updated',
      },
    ],
    cleanup: [`DROP TABLE IF EXISTS ${rows}`],
  }
}

function multiJoined(statement: Statement, rows: string): readonly DmlStep[] {
  if (statement.context.parameters.get('ERROR_ON_NONDETERMINISTIC_UPDATE')?.toLowerCase() === 'true') {
    return [{ sql: `SELECT 1 FROM ${rows} WHERE sf_joined > 1 LIMIT 1`, refuse: duplicateRow() }]
  }
  return [{ sql: `UPDATE ${rows} SET sf_joined = sf_joined WHERE sf_joined > 1`, counts: 'multi_joined' }]
}

export function duplicateRow(): SnowflakeError {
  return new SnowflakeError('100090', '42P18', 'Duplicate row detected during DML action')
}

export function bindDelete(statement: Statement, del: DeleteStatement): DmlPlan {
  const target = targetRelation(statement, del.table, 'DELETE')
  const stored = statement.fresh('t')
  const scope = new Scope(undefined)
  const using =
    del.using === undefined
      ? undefined
      : bindTables({ statement, bindQuery: nested(statement), bindOther: bindQuery }, del.using, scope, [])
  scope.relations = [targetScope(target, del.alias, stored), ...(using?.relations ?? [])]
  const binder = new ExpressionBinder(statement, scope, nested(statement))
  const condition = del.where === undefined ? 'true' : binder.condition(del.where)
  const where = using === undefined ? condition : `EXISTS (SELECT 1 FROM ${using.sql} WHERE ${condition})`
  return {
    kind: 'dml',
    verb: 'delete',
    target,
    reads: statement.reads,
    locks: true,
    steps: [{ sql: `DELETE FROM ${target.from} AS ${stored} WHERE ${where}`, counts: 'deleted' }],
    cleanup: [],
    counts: ['deleted'],
  }
}
