/**
 * Relations that are no tables: INFORMATION_SCHEMA, SNOWFLAKE.ACCOUNT_USAGE, results of earlier queries, table functions. A statement names
 * them while it is translated, and they are written into temporary tables of its session before it runs.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { StatementResult } from '../protocol/query-reply.ts'
import { type DataType, storedType } from '../sql/data-type.ts'
import type { ObjectName, Relation } from '../sql/session-context.ts'
import { quoted, storedName } from '../sql/stored-name.ts'

/** A value as text that DuckDB casts to the column's type. */
export type SystemValue = string | number | boolean | null | undefined

export interface SystemView {
  readonly columns: readonly { readonly name: string; readonly type: DataType }[]
  /** Arrays as long as `columns`. */
  rows(): readonly (readonly SystemValue[])[]
}

export type SystemViewSource = (name: ObjectName) => SystemView | undefined
export type TableFunctionSource = (
  name: string,
  argumentsSql: readonly { readonly name: string; readonly sql: string }[],
) => SystemView | undefined

/** Rows that are sent to DuckDB at a time. */
const ROWS_PER_STATEMENT = 2000

/** Of one statement. */
export class SystemRelations {
  readonly #views: SystemViewSource
  readonly #functions: TableFunctionSource
  readonly #results: (queryId: string) => StatementResult | undefined
  readonly #wanted: { readonly table: string; readonly view: SystemView }[] = []

  constructor(
    views: SystemViewSource,
    functions: TableFunctionSource,
    results: (queryId: string) => StatementResult | undefined,
  ) {
    this.#views = views
    this.#functions = functions
    this.#results = results
  }

  view(name: ObjectName): Relation | undefined {
    const view = this.#views(name)
    return view === undefined ? undefined : this.#relation('view', name, view)
  }

  tableFunction(
    name: string,
    argumentsSql: readonly { readonly name: string; readonly sql: string }[],
  ): Relation | undefined {
    const view = this.#functions(name, argumentsSql)
    return view === undefined ? undefined : this.#relation('result', undefined, view)
  }

  result(queryId: string): Relation | undefined {
    const result = this.#results(queryId)
    if (result?.source === undefined) return undefined
    return this.#relation('result', undefined, { columns: result.source.columns, rows: result.source.rows })
  }

  /** Before the statement runs; nothing for a statement that names none. */
  async materialize(connection: DuckDBConnection): Promise<void> {
    for (const { table, view } of this.#wanted) {
      const names = view.columns.map(({ name }) => quoted(storedName(name)))
      const types = view.columns.map(({ type }) => storedType(type))
      const columns = names.map((name, index) => `${name} ${types[index]}`)
      await connection.run(`CREATE OR REPLACE TEMP TABLE ${table} (${columns.join(', ')})`)
      const rows = view.rows()
      const values = types.map((type, index) => `CAST(v[${index + 1}] AS ${type})`)
      for (let from = 0; from < rows.length; from += ROWS_PER_STATEMENT) {
        const page = rows.slice(from, from + ROWS_PER_STATEMENT).map((row) => row.map(textOf))
        await connection.run(
          `INSERT INTO ${table} SELECT ${values.join(', ')} FROM (SELECT unnest(from_json($1, '[["VARCHAR"]]')) AS v)`,
          [JSON.stringify(page)],
        )
      }
    }
  }

  #relation(kind: 'view' | 'result', name: ObjectName | undefined, view: SystemView): Relation {
    const table = `temp."_system_${this.#wanted.length + 1}"`
    this.#wanted.push({ table, view })
    return {
      kind,
      name,
      from: table,
      columns: view.columns.map((column) => ({
        name: column.name,
        stored: storedName(column.name),
        type: column.type,
        nullable: true,
        defaultSql: undefined,
      })),
    }
  }
}

function textOf(value: SystemValue): string | null {
  return value === undefined || value === null ? null : String(value)
}
