/**
 * MERGE (docs: sql-reference/sql/merge). DuckDB's own MERGE takes several source rows for one target row without a word, so it is not used: source and
 * target are joined once into a temporary table that has, for each row, what is to be done and with which values; that is checked, then done. All
 * expressions are computed before anything changes, as in one statement.
 */
import { assigned, defaultOf } from './assignment.ts'
import type { Statement } from './binding.ts'
import { unknown } from './binding.ts'
import { checkWidth, chosenColumns, columnNamed, duplicateRow, insertSelect, targetScope } from './dml-binder.ts'
import { ExpressionBinder } from './expression-binder.ts'
import type { DmlPlan, DmlStep } from './plan.ts'
import { bindQuery } from './query-binder.ts'
import type { ScopeRelation } from './scope.ts'
import { Scope } from './scope.ts'
import type { Relation, RelationColumn } from './session-context.ts'
import { SnowflakeError } from './snowflake-error.ts'
import type { Assignment, MergeClause, MergeStatement } from './statement-tree.ts'
import { quoted } from './stored-name.ts'
import type { Expression, Query } from './syntax-tree.ts'
import { bindTables, targetRelation } from './table-binder.ts'

const ROWS = 'temp.main.sf_merge'

interface BoundClause {
  readonly action: MergeClause['action']
  readonly condition: string | undefined
  /** For update and insert: the columns that get a value, and DuckDB's expression. */
  readonly values: ReadonlyMap<RelationColumn, string>
}

export function bindMerge(statement: Statement, merge: MergeStatement): DmlPlan {
  const target = targetRelation(statement, merge.table, 'MERGE')
  const nested = (query: Query, scope: Scope) => bindQuery(statement, query, scope)
  const stored = statement.fresh('t')
  const outer = new Scope(undefined)
  const source = bindTables({ statement, bindQuery: nested, bindOther: bindQuery }, merge.source, outer, [])
  const own = targetScope(target, merge.alias, stored)
  const both = new ExpressionBinder(statement, scopeOf([own, ...source.relations]), nested)
  // WHEN NOT MATCHED has no target row to speak of.
  const alone = new ExpressionBinder(statement, scopeOf(source.relations), nested)
  const on = both.condition(merge.on)
  checkOrder(statement, merge.clauses)
  const clauses = merge.clauses.map((clause) =>
    bindClause(statement, clause, target, clause.action === 'insert' ? alone : both, source.relations),
  )
  const columns = new ValueColumns()
  const changes = clauses.map((clause, index) => change(statement, clause, index + 1, target, columns))
  const create =
    `CREATE OR REPLACE TEMP TABLE sf_merge AS SELECT ${stored}.rowid AS sf_row, ${actionSql(clauses, stored)} AS sf_action${columns.sql()} ` +
    `FROM ${source.sql} LEFT JOIN ${target.from} AS ${stored} ON ${on} WHERE sf_action > 0`
  const counts = (['inserted', 'updated', 'deleted'] as const).filter((count) =>
    changes.some((step) => step.counts === count),
  )
  return {
    kind: 'dml',
    verb: 'merge',
    target,
    reads: statement.reads,
    locks: true,
    steps: [{ sql: create }, ...nondeterminism(statement, clauses), ...changes],
    cleanup: [`DROP TABLE IF EXISTS ${ROWS}`],
    counts,
  }
}

function scopeOf(relations: readonly ScopeRelation[]): Scope {
  const scope = new Scope(undefined)
  scope.relations = relations
  return scope
}

/** A clause after one of its kind without a condition could never apply. */
function checkOrder(statement: Statement, clauses: readonly MergeClause[]): void {
  for (const matched of [true, false]) {
    const own = clauses.filter((clause) => (clause.action === 'insert') !== matched)
    if (own.slice(0, -1).some((clause) => clause.condition === undefined)) {
      throw new SnowflakeError(
        '002229',
        '42601',
        `SQL compilation error:\nAn unconditional WHEN ${matched ? '' : 'NOT '}MATCHED clause must be the last one of its kind in MERGE.`,
      )
    }
  }
  if (clauses.length > 1000) throw unknown(statement, { start: 0 }, 'more than 1000 clauses')
}

function bindClause(
  statement: Statement,
  clause: MergeClause,
  target: Relation,
  binder: ExpressionBinder,
  source: readonly ScopeRelation[],
): BoundClause {
  const condition = clause.condition === undefined ? undefined : binder.condition(clause.condition)
  const { action } = clause
  if (clause.action === 'delete') return { action, condition, values: new Map() }
  const value = (column: RelationColumn, expression: Expression | undefined) =>
    expression === undefined ? defaultOf(statement, column) : assigned(statement, column, binder.bind(expression))
  if (clause.action === 'update') {
    const assignments = clause.assignments === 'by name' ? byName(target, source) : clause.assignments
    const values = new Map<RelationColumn, string>()
    for (const assignment of assignments) {
      const column = columnNamed(statement, target, assignment.column)
      if (values.has(column)) {
        throw new SnowflakeError('002025', '42S21', `SQL compilation error:\nduplicate column name '${column.name}'`)
      }
      values.set(column, value(column, assignment.value))
    }
    return { action, condition, values }
  }
  if (clause.values === 'by name') {
    const pairs = byName(target, source).map((one) => {
      const column = columnNamed(statement, target, one.column)
      return [column, value(column, one.value)] as const
    })
    return { action, condition, values: new Map(pairs) }
  }
  const columns = chosenColumns(statement, target, clause.columns)
  checkWidth(columns.length, clause.values.length)
  const { values } = clause
  return { action, condition, values: new Map(columns.map((column, index) => [column, value(column, values[index])])) }
}

/** ALL BY NAME: source and target must have the same names. */
function byName(target: Relation, source: readonly ScopeRelation[]): readonly Assignment[] {
  const names = new Set(source.flatMap((relation) => relation.columns.map(({ name }) => name)))
  const same = target.columns.length === names.size && target.columns.every((column) => names.has(column.name))
  if (!same) {
    throw new SnowflakeError(
      '002230',
      '42601',
      'SQL compilation error:\nALL BY NAME needs a source with the same column names as the target table.',
    )
  }
  const [relation] = source
  return target.columns.map(({ name }) => ({
    column: name,
    value: { type: 'column', parts: [...(relation?.qualifier.slice(-1) ?? []), name], bare: false, start: 0, end: 0 },
  }))
}

/** The number of the clause that applies, counted from 1; 0 for none. */
function actionSql(clauses: readonly BoundClause[], stored: string): string {
  const branches = clauses.map((clause, index) => {
    const matched = `${stored}.rowid IS ${clause.action === 'insert' ? '' : 'NOT '}NULL`
    const condition = clause.condition === undefined ? matched : `${matched} AND ${clause.condition}`
    return `WHEN ${condition} THEN ${index + 1}`
  })
  return `CASE ${branches.join(' ')} ELSE 0 END`
}

/** Columns of the temporary table; an expression that several clauses have is computed once. */
class ValueColumns {
  /** By expression: its place, and the clauses that have it. */
  readonly #columns = new Map<string, { readonly place: number; readonly clauses: number[] }>()

  column(sql: string, clause: number): string {
    const known = this.#columns.get(sql)
    if (known !== undefined) {
      known.clauses.push(clause)
      return `v${known.place}`
    }
    const place = this.#columns.size + 1
    this.#columns.set(sql, { place, clauses: [clause] })
    return `v${place}`
  }

  /** An expression is computed only for rows that its clauses apply to: elsewhere it might fail. */
  sql(): string {
    return [...this.#columns]
      .map(([sql, { place, clauses }]) => {
        const plain = /^t\d+\."(?:[^"]|"")*"$/.test(sql)
        return `, ${plain ? sql : `CASE WHEN sf_action IN (${clauses.join(', ')}) THEN ${sql} END`} AS v${place}`
      })
      .join('')
  }
}

function change(
  statement: Statement,
  clause: BoundClause,
  number: number,
  target: Relation,
  columns: ValueColumns,
): DmlStep {
  const where = `r.sf_action = ${number}`
  if (clause.action === 'delete') {
    return {
      sql: `DELETE FROM ${target.from} WHERE rowid IN (SELECT r.sf_row FROM ${ROWS} AS r WHERE ${where})`,
      counts: 'deleted',
    }
  }
  const values = [...clause.values].map(([column, sql]) => [column, `r.${columns.column(sql, number)}`] as const)
  if (clause.action === 'insert')
    return {
      sql: insertSelect(statement, target, new Map(values), ` FROM ${ROWS} AS r WHERE ${where}`),
      counts: 'inserted',
    }
  const list = values.map(([column, sql]) => `${quoted(column.stored)} = ${sql}`).join(', ')
  return {
    sql: `UPDATE ${target.from} AS d SET ${list} FROM ${ROWS} AS r WHERE d.rowid = r.sf_row AND ${where}`,
    counts: 'updated',
  }
}

/**
 * One target row, several source rows: refused if one of them updates it. Several that all delete it are well defined
 * (docs: sql-reference/sql/merge, "Nondeterministic results for UPDATE and DELETE").
 */
function nondeterminism(statement: Statement, clauses: readonly BoundClause[]): readonly DmlStep[] {
  if (statement.context.parameters.get('ERROR_ON_NONDETERMINISTIC_MERGE')?.toLowerCase() === 'false') return []
  const updates = clauses.flatMap((clause, index) => (clause.action === 'update' ? [index + 1] : []))
  if (updates.length === 0) return []
  const sql =
    `SELECT 1 FROM ${ROWS} WHERE sf_row IS NOT NULL GROUP BY sf_row ` +
    `HAVING count(*) > 1 AND bool_or(sf_action IN (${updates.join(', ')})) LIMIT 1`
  return [{ sql, refuse: duplicateRow() }]
}
