/** What a statement of one session sees: permanent objects, its temporary ones, system views, earlier results. */
import { compilationError, notFound } from '../refusals.ts'
import { nameKey, type Session } from '../session.ts'
import type { Catalog, ObjectName, Relation, RelationColumn, StageRead, StageRows } from '../sql/session-context.ts'
import { quoted, storedName } from '../sql/stored-name.ts'
import { fullName, type StageObject, type TableObject, type ViewObject } from './catalog-objects.ts'
import type { SystemRelations } from './system-relations.ts'
import type { TwinCatalog } from './twin-catalog.ts'

export class SessionCatalog implements Catalog {
  readonly #catalog: TwinCatalog
  readonly #session: Session
  readonly #system: SystemRelations
  readonly #openRows: (read: StageRead) => Promise<StageRows>

  constructor(
    catalog: TwinCatalog,
    session: Session,
    system: SystemRelations,
    openRows: (read: StageRead) => Promise<StageRows>,
  ) {
    this.#catalog = catalog
    this.#session = session
    this.#system = system
    this.#openRows = openRows
  }

  database(name: string): boolean {
    return name === 'SNOWFLAKE' || this.#catalog.find('database', name) !== undefined
  }

  schema(database: string, name: string): boolean {
    if (database === 'SNOWFLAKE') return name === 'ACCOUNT_USAGE'
    if (name === 'INFORMATION_SCHEMA') return this.database(database)
    return this.#catalog.find('schema', database, name) !== undefined
  }

  relation(name: ObjectName): Relation | undefined {
    const system = this.#system.view(name)
    if (system !== undefined) return system
    const found = this.object(name)
    return found === undefined ? undefined : this.#relationOf(found)
  }

  #relationOf(found: TableObject | ViewObject): Relation {
    if (found.kind === 'table')
      return { kind: 'table', name: found.name, from: found.from, columns: found.columns.map(relationColumn) }
    const stored = found.columns.map(({ name }) => storedName(name))
    return {
      kind: 'view',
      name: found.name,
      from: `(SELECT * FROM (${this.#currentSql(found)}) AS _view(${stored.map(quoted).join(', ')}))`,
      view: { text: found.text, database: found.name.database, schema: found.name.schema },
      columns: found.columns.map(({ name, type }, index) => ({
        name,
        stored: stored[index] ?? name,
        type,
        nullable: true,
        defaultSql: undefined,
      })),
    }
  }

  /** On the tables that have the names now. */
  #currentSql(view: ViewObject): string {
    return view.sql.replaceAll(/\bdata\.t\d+\b/g, (from) => {
      const read = view.reads.find((candidate) => candidate.from === from)
      const table = read === undefined ? undefined : this.#catalog.findIn('table', read.name)
      if (table !== undefined) return table.from
      throw compilationError(
        '002037',
        '42601',
        `Failure during expansion of view '${view.name.name}': SQL compilation error:\nObject '${
          read === undefined ? from : fullName(read.name)
        }' does not exist or not authorized.`,
      )
    })
  }

  object(name: ObjectName): TableObject | ViewObject | undefined {
    return this.#session.temporaryTables.get(nameKey(name)) ?? this.#catalog.relation(name)
  }

  table(name: ObjectName): TableObject | undefined {
    const found = this.object(name)
    return found?.kind === 'table' ? found : undefined
  }

  /** Throws where there is none. */
  requireTable(name: ObjectName): TableObject {
    const table = this.table(name)
    if (table === undefined) throw notFound('Table', fullName(name))
    return table
  }

  stage(name: ObjectName): StageObject | undefined {
    return this.#session.temporaryStages.get(nameKey(name)) ?? this.#catalog.findIn('stage', name)
  }

  requireStage(name: ObjectName): StageObject {
    const stage = this.stage(name)
    if (stage === undefined) throw notFound('Stage', fullName(name))
    return stage
  }

  result(queryId: string): Relation | undefined {
    return this.#system.result(queryId)
  }

  tableFunction(
    name: string,
    argumentsSql: readonly { readonly name: string; readonly sql: string }[],
  ): Relation | undefined {
    return this.#system.tableFunction(name, argumentsSql)
  }

  stageRows(read: StageRead): Promise<StageRows> {
    return this.#openRows(read)
  }
}

export function relationColumn(column: TableObject['columns'][number]): RelationColumn {
  const { name, stored, type, isNullable, identity } = column
  const defaultSql = identity === undefined ? column.default?.sql : `nextval('${identity.sequence}')`
  const defaultText = identity === undefined ? column.default?.text : undefined
  return { name, stored, type, nullable: isNullable, defaultSql, defaultText }
}
