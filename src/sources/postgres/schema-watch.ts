/**
 * Notices alterations that no change of a row has followed. DDL is not in the stream: a relation is described anew with its
 * next change only, which may be a long time off.
 *
 * Each alteration writes descriptions of columns anew, and a schema remembers which transactions it has seen. A table
 * with a younger description is looked at once the stream has passed the place at which the catalog was asked: an
 * alteration waits for the transactions that use its table, so every row of the form before has come by then.
 *
 * Nor does the stream say that a table was taken out of its publication: its changes just do not come any more. Every
 * table was published before it was followed, so one that is not published is missing changes.
 */
import { PipelineError } from '../../core/errors.ts'
import type { PostgresClient } from './client.ts'
import { parseLsn } from './lsn.ts'
import type { RelationMessage } from './pgoutput.ts'
import { currentLsn } from './prepare.ts'
import type { RelationFacts } from './relation-change.ts'
import { collectRelationFacts } from './relation-facts.ts'
import { parseFingerprint, writtenSince } from './storage-fingerprint.ts'
import type { FollowedTable } from './stream-state.ts'

/** A table that is probably not what its schema says. */
export interface AlteredTable {
  readonly table: FollowedTable
  readonly oid: number
  /** Transactions that wrote its descriptions, in order of attribute numbers. */
  readonly writtenBy: string
}

/** A table whose name the catalog does not have any more. */
export interface GoneTable {
  readonly table: FollowedTable
  readonly message: string
}

/** Boundaries so close before the place that is waited for are worth the wait. */
const NEAR_BYTES = 64n << 20n

interface RelationRow {
  readonly oid: number
  readonly namespace: string
  readonly name: string
  readonly written_by: readonly number[] | null
  readonly has_column_list: boolean
  readonly published: boolean
}

interface ColumnRow {
  readonly attnum: number
  readonly name: string
  readonly type_oid: number
  readonly typmod: number
  readonly generated: string
}

const relationsSql = (
  hasColumnLists: boolean,
) => `SELECT c.oid::int8::float8 AS oid, n.nspname AS namespace, c.relname AS name, (
    SELECT json_agg(a.xmin::text::int8 ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
  ) AS written_by, ${hasColumnLists ? HAS_COLUMN_LIST : 'false'} AS has_column_list, EXISTS (
    SELECT FROM pg_publication p WHERE p.pubname = ANY($2::name[]) AND (p.puballtables
      OR EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND (r.prrelid = c.oid
        OR c.relispartition AND r.prrelid IN (SELECT relid FROM pg_partition_ancestors(c.oid))))${hasColumnLists ? OF_SCHEMA : ''})
  ) AS published
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY($1::oid[])`

/** PostgreSQL 15 and later, as column lists are. */
const OF_SCHEMA = `
      OR EXISTS (SELECT FROM pg_publication_namespace s WHERE s.pnpubid = p.oid AND (s.pnnspid = c.relnamespace
        OR c.relispartition AND s.pnnspid IN (
          SELECT a.relnamespace FROM pg_partition_ancestors(c.oid) JOIN pg_class a ON a.oid = relid)))`

/** A column list of a publication hides columns for good: what the catalog has is then not what will be sent. */
const HAS_COLUMN_LIST = `EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
  WHERE r.prrelid = c.oid AND p.pubname = ANY($2::name[]) AND r.prattrs IS NOT NULL)`

const COLUMNS = `SELECT attnum::int4 AS attnum, attname AS name, atttypid::int8::float8 AS type_oid, atttypmod AS typmod,
  attgenerated AS generated FROM pg_attribute WHERE attrelid = $1::int8::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum`

export class SchemaWatch {
  readonly #publications: readonly string[]
  readonly #everyMs: number
  #lookedMs = Number.NEGATIVE_INFINITY
  #altered: AlteredTable[] = []
  /** What was looked at already: a table that cannot be followed as it is now is said to be so with its next change. */
  readonly #answered = new WeakMap<FollowedTable, string>()
  readonly #gone: GoneTable[] = []
  readonly #goneTold = new WeakSet<FollowedTable>()
  #lsn = 0n

  constructor(publications: readonly string[], everyMs: number) {
    this.#publications = publications
    this.#everyMs = everyMs
  }

  /** Until the catalog should be asked again. Milliseconds. */
  dueInMs(nowMs: number): number {
    return Math.max(0, this.#lookedMs + this.#everyMs - nowMs)
  }

  /** Somebody wants to know now. */
  lookSoon(): void {
    this.#lookedMs = Number.NEGATIVE_INFINITY
  }

  /** A boundary here would be taken for complete, although a table is about to be looked at. */
  isNear(readThrough: bigint): boolean {
    return this.#altered.length > 0 && readThrough < this.#lsn && this.#lsn - readThrough < NEAR_BYTES
  }

  /** Every change of the forms before has been read. */
  isReached(readThrough: bigint): boolean {
    return this.#altered.length > 0 && readThrough >= this.#lsn
  }

  /** One query for all tables. Returns the place that has to be reached, where one of them was altered. Throws `source_moved`. */
  async look(
    client: PostgresClient,
    tables: Iterable<FollowedTable>,
    nowMs: number,
    signal: AbortSignal,
  ): Promise<bigint | undefined> {
    this.#lookedMs = nowMs
    const byOid = new Map<number, FollowedTable>()
    for (const table of tables) if (table.oid !== undefined && !table.failed) byOid.set(table.oid, table)
    const hasColumnLists = client.serverVersion >= 150_000
    const asked = [[...byOid.keys()], this.#publications]
    const rows = await client.query<RelationRow>(relationsSql(hasColumnLists), asked, signal)
    this.#requirePublished(byOid, rows)
    this.#noteGone(byOid, rows)
    this.#altered = rows.flatMap((row) => {
      const table = byOid.get(row.oid)
      const known = parseFingerprint(table?.schema.fingerprint)
      const written = row.written_by ?? []
      if (table === undefined || known === undefined || row.has_column_list) return []
      if (`${row.namespace}.${row.name}` !== table.name) return []
      const writtenBy = written.join()
      const isNew = written.some((transaction) => writtenSince(known, transaction))
      return isNew && this.#answered.get(table) !== writtenBy ? [{ table, oid: row.oid, writtenBy }] : []
    })
    if (this.#altered.length === 0) return undefined
    this.#lsn = parseLsn(await currentLsn(client, signal))
    return this.#lsn
  }

  /** The start knows what to do about a table whose changes are missing. */
  #requirePublished(tables: ReadonlyMap<number, FollowedTable>, rows: readonly RelationRow[]): void {
    for (const { oid, namespace, name, published } of rows) {
      const table = tables.get(oid)
      if (published || `${namespace}.${name}` !== table?.name) continue
      throw new PipelineError('source_moved', `Following ${table.name}`, {
        cause: new Error('it is not published any more'),
        hint: 'The next start finds out what still holds',
        context: { table: table.name },
      })
    }
  }

  /** Nothing is to be done: no change comes any more, or the next one stops the table. But nobody should have to wait for it. */
  #noteGone(tables: ReadonlyMap<number, FollowedTable>, rows: readonly RelationRow[]): void {
    const names = new Map(rows.map((row) => [row.oid, `${row.namespace}.${row.name}`]))
    for (const [oid, table] of tables) {
      const name = names.get(oid)
      if (name === table.name) this.#goneTold.delete(table)
      else if (!this.#goneTold.has(table)) {
        this.#goneTold.add(table)
        const what = name === undefined ? 'it was dropped' : `it is called ${name} now`
        this.#gone.push({ table, message: `${what}; what was copied of it stays as it is` })
      }
    }
  }

  takeGone(): readonly GoneTable[] {
    return this.#gone.splice(0)
  }

  take(): readonly AlteredTable[] {
    for (const { table, writtenBy } of this.#altered) this.#answered.set(table, writtenBy)
    return this.#altered.splice(0)
  }
}

/**
 * How the server would describe the table with its next change, and what the catalog says of it. Undefined where it was
 * altered again since it was noticed: changes may be on their way that are older than that.
 */
export async function describeAltered(
  client: PostgresClient,
  { table, oid, writtenBy }: AlteredTable,
  givenKey: readonly number[] | undefined,
  signal: AbortSignal,
): Promise<{ readonly message: RelationMessage; readonly facts: RelationFacts } | undefined> {
  // One snapshot for all of it.
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', undefined, signal)
  try {
    const columns = await client.query<ColumnRow>(COLUMNS, [oid], signal)
    const message = messageOf(table, oid, columns)
    const facts = await collectRelationFacts(client, message, givenKey, signal)
    const isSame = facts?.attributes.map((attribute) => attribute.writtenBy).join() === writtenBy
    return facts === undefined || !isSame ? undefined : { message, facts }
  } finally {
    await client.query('ROLLBACK')
  }
}

/** Rows are taken to be recognised as they were: where that has changed, the next change says so. */
function messageOf(table: FollowedTable, oid: number, columns: readonly ColumnRow[]): RelationMessage {
  const { identity, columns: known } = table.schema
  const key = new Set(identity.kind === 'key' ? identity.columnIds : [])
  const { namespace, name } = table.id
  return {
    oid,
    namespace,
    name,
    replicaIdentity: identity.kind === 'bag' ? 'f' : 'd',
    columns: columns
      // Whether generated columns are published is told with the next change.
      .filter((column) => column.generated === '' || known.some(({ id }) => id === column.attnum))
      .map(({ attnum, name: column, type_oid, typmod }) => ({
        name: column,
        typeOid: type_oid,
        typmod,
        inIdentity: key.has(attnum),
      })),
  }
}
