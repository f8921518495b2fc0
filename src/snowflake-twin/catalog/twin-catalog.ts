/**
 * The account's objects, in memory, and in a table of the twin's own DuckDB database. A change is written in the same DuckDB transaction
 * as what it describes, and seen in memory once that is committed. Changes come one after the other.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { ObjectName } from '../sql/session-context.ts'
import type {
  AnyObject,
  DatabaseObject,
  GrantObject,
  OtherAccountObject,
  OtherSchemaObject,
  RoleObject,
  SchemaObject,
  StageObject,
  TableObject,
  UserObject,
  ViewObject,
  WarehouseObject,
} from './catalog-objects.ts'

type ByKind = {
  database: DatabaseObject
  schema: SchemaObject
  table: TableObject
  view: ViewObject
  stage: StageObject
  file_format: OtherSchemaObject
  sequence: OtherSchemaObject
  warehouse: WarehouseObject
  user: UserObject
  role: RoleObject
  integration: OtherAccountObject
  resource_monitor: OtherAccountObject
  network_policy: OtherAccountObject
  grant: GrantObject
}
export type ObjectKind = keyof ByKind

/** What one change puts and takes; nothing of it is seen before it is committed. */
export interface CatalogDraft {
  /** For SQL of DuckDB that belongs to the change. */
  run(sql: string): Promise<unknown>
  rows(sql: string): Promise<readonly unknown[]>
  nextId(): number
  put(object: AnyObject): void
  remove(object: AnyObject): void
}

/** Where the twin keeps what is its own, and where it keeps the tables of all databases. */
export const TWIN_SCHEMA = '_twin'
export const DATA_SCHEMA = 'data'

export class TwinCatalog {
  readonly #objects = new Map<number, AnyObject>()
  readonly #byName = new Map<string, AnyObject>()
  #grants: readonly GrantObject[] | undefined
  #lastId = 0
  #turn: Promise<unknown> = Promise.resolve()

  static async load(connection: DuckDBConnection): Promise<TwinCatalog> {
    await connection.run(`CREATE SCHEMA IF NOT EXISTS ${DATA_SCHEMA}`)
    await connection.run(`CREATE SCHEMA IF NOT EXISTS ${TWIN_SCHEMA}`)
    await connection.run(`CREATE TABLE IF NOT EXISTS ${TWIN_SCHEMA}.objects (id BIGINT, definition VARCHAR)`)
    await connection.run(
      `CREATE TABLE IF NOT EXISTS ${TWIN_SCHEMA}.loads (table_id BIGINT, stage VARCHAR, path VARCHAR, shown_name VARCHAR, etag VARCHAR,
        bytes BIGINT, rows BIGINT, loaded_ms BIGINT, query_id VARCHAR)`,
    )
    const catalog = new TwinCatalog()
    const reader = await connection.runAndReadAll(`SELECT definition FROM ${TWIN_SCHEMA}.objects ORDER BY id`)
    for (const [definition] of reader.getRows()) catalog.#set(JSON.parse(String(definition)) as AnyObject)
    return catalog
  }

  find<K extends ObjectKind>(kind: K, ...name: readonly string[]): ByKind[K] | undefined {
    const found = this.#byName.get(nameKey(kind, name))
    return found?.kind === kind ? (found as ByKind[K]) : undefined
  }

  findIn<K extends 'table' | 'view' | 'stage' | 'file_format' | 'sequence'>(
    kind: K,
    name: ObjectName,
  ): ByKind[K] | undefined {
    return this.find(kind, name.database, name.schema, name.name)
  }

  /** Tables and views share their names. */
  relation(name: ObjectName): TableObject | ViewObject | undefined {
    return this.findIn('table', name) ?? this.findIn('view', name)
  }

  /** In no order. */
  grants(): readonly GrantObject[] {
    this.#grants ??= [...this.#objects.values()].filter((object) => object.kind === 'grant')
    return this.#grants
  }

  byId(id: number): AnyObject | undefined {
    return this.#objects.get(id)
  }

  /** By name, as Snowflake lists them. */
  all<K extends ObjectKind>(kind: K): readonly ByKind[K][] {
    const found = [...this.#objects.values()].filter((object) => object.kind === kind) as ByKind[K][]
    return found.sort((left, right) => {
      const [a, b] = [nameKey(kind, nameOf(left)), nameKey(kind, nameOf(right))]
      return a < b ? -1 : a > b ? 1 : left.id - right.id
    })
  }

  /** For objects that are not written down: those of one session. */
  nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }

  /** One transaction of its own on `connection`, which must have none open. */
  change<T>(connection: DuckDBConnection, work: (draft: CatalogDraft) => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => this.#change(connection, work))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async #change<T>(connection: DuckDBConnection, work: (draft: CatalogDraft) => Promise<T>): Promise<T> {
    const puts: AnyObject[] = []
    const removals: AnyObject[] = []
    await connection.run('BEGIN')
    let result: T
    try {
      result = await work({
        run: (sql) => connection.run(sql),
        rows: async (sql) => (await connection.runAndReadAll(sql)).getRows(),
        nextId: () => this.nextId(),
        put: (object) => puts.push(object),
        remove: (object) => removals.push(object),
      })
      for (const { id } of [...removals, ...puts].filter(({ id }) => this.#objects.has(id)))
        await connection.run(`DELETE FROM ${TWIN_SCHEMA}.objects WHERE id = ${id}`)
      for (const object of puts)
        await connection.run(`INSERT INTO ${TWIN_SCHEMA}.objects VALUES ($1, $2)`, [object.id, JSON.stringify(object)])
      await connection.run('COMMIT')
    } catch (error) {
      await connection.run('ROLLBACK').catch(() => undefined)
      throw error
    }
    for (const object of removals) this.#delete(object)
    for (const object of puts) {
      const before = this.#objects.get(object.id)
      if (before !== undefined) this.#delete(before)
    }
    for (const object of puts) this.#set(object)
    return result
  }

  #set(object: AnyObject): void {
    this.#grants = undefined
    this.#objects.set(object.id, object)
    this.#byName.set(nameKey(object.kind, nameOf(object)), object)
    this.#lastId = Math.max(this.#lastId, object.id)
  }

  #delete(object: AnyObject): void {
    this.#grants = undefined
    this.#objects.delete(object.id)
    const key = nameKey(object.kind, nameOf(object))
    if (this.#byName.get(key)?.id === object.id) this.#byName.delete(key)
  }
}

/** One part for what belongs to the account, two for a schema, three for what is in one. */
export function nameOf(object: AnyObject): readonly string[] {
  switch (object.kind) {
    case 'schema':
      return [object.database, object.name]
    case 'table':
    case 'view':
    case 'stage':
    case 'file_format':
    case 'sequence':
      return [object.name.database, object.name.schema, object.name.name]
    case 'grant':
      return [object.privilege, object.on, object.name, object.to.what, object.to.name, String(object.isFuture)]
    default:
      return [object.name]
  }
}

function nameKey(kind: ObjectKind, name: readonly string[]): string {
  const shared = kind === 'view' ? 'table' : kind
  return [shared, ...name].join('\u0000')
}
