/** Tables on the local Snowflake, and batches of changes for all of them, made without a source. */
import { NO_FEATURES } from '../../src/core/batch.ts'
import { DEFAULT_GROUP, type Lease, type TargetTable } from '../../src/core/destination.ts'
import { boundary, type Position, positionPrefix } from '../../src/core/position.ts'
import { filesInPlace, type StageFile } from '../../src/core/stage.ts'
import type { ColumnType, TableSchema } from '../../src/core/table-schema.ts'
import { snowflakeDestinationSchema } from '../../src/destinations/snowflake/config.ts'
import { openSnowflakeDestination, type SnowflakeDestination } from '../../src/destinations/snowflake/destination.ts'
import { rowBytes } from '../../src/snowflake-twin/catalog/table-sizes.ts'
import type { Twin } from '../../src/snowflake-twin/twin.ts'
import type { SettableClock } from '../../src/snowflake-twin/twin-clock.ts'
import { modelledMs } from '../../src/snowflake-twin/warehouses/cost-model.ts'
import { StageRows } from '../../test/support/stage-rows.ts'

export const BENCH_WAREHOUSE = 'BENCH_WH'

/** Tables on the twin, and batches of changes for all of them. */
export class MergeScene {
  readonly #twin: Twin
  readonly #clock: SettableClock
  readonly #stage: StageRows
  readonly #destination: SnowflakeDestination
  readonly #schemas: readonly TableSchema[]
  readonly #rows: number
  readonly #lease: Lease
  /** Rows that each table has had so far. */
  #keys: number
  #position: Position = boundary(1, 1n)
  #lsn = 1n

  private constructor(
    twin: Twin,
    clock: SettableClock,
    stage: StageRows,
    destination: SnowflakeDestination,
    lease: Lease,
    tables: number,
    rows: number,
  ) {
    this.#twin = twin
    this.#clock = clock
    this.#stage = stage
    this.#destination = destination
    this.#lease = lease
    this.#schemas = Array.from({ length: tables }, (_, index) => schemaOf(index))
    this.#rows = rows
    this.#keys = rows
  }

  static async open(
    twin: Twin,
    clock: SettableClock,
    folder: string,
    tables: number,
    rows: number,
  ): Promise<MergeScene> {
    const stage = await StageRows.open(folder)
    const destination = openSnowflakeDestination({
      config: snowflakeDestinationSchema.parse({
        type: 'snowflake',
        account: twin.account,
        host: '127.0.0.1',
        port: twin.port,
        protocol: 'http',
        user: 'BENCH',
        password: 'any',
        role: 'ACCOUNTADMIN',
        warehouse: BENCH_WAREHOUSE,
        database: 'BENCH',
        suspend_when_done: true,
      }),
      folder,
      run: 'bench',
      fetch: async () => filesInPlace((file) => stage.location(file)),
    })
    const { lease } = await destination.acquireLease('shop', SIGNAL)
    return new MergeScene(twin, clock, stage, destination, lease, tables, rows)
  }

  /** Every table with its first rows, in one group. */
  async makeTables(): Promise<void> {
    for (const schema of this.#schemas) {
      const target = targetOf(schema)
      const select = `SELECT ${values('i')} FROM range(${this.#rows}) t(i)`
      const at = this.#position
      const file = await this.#stage.query(stageFile(schema, 'snapshot', this.#rows, at, at), select)
      await this.#destination.beginSnapshot(this.#lease, target, schema, false, SIGNAL)
      await this.#destination.loadSnapshot(this.#lease, { target, files: [file] }, SIGNAL)
      await this.#destination.finishSnapshot(this.#lease, target, schema, at, 1, SIGNAL)
    }
    await this.#flush('promote', [])
  }

  /** One window. Returns for each table the milliseconds that one COPY and one MERGE of its changes take at least. */
  async merge(changes: number): Promise<readonly number[]> {
    const prefix = positionPrefix(1, this.#lsn)
    const inserts = Math.ceil(changes / 2)
    const first = `${prefix}0000000001` as Position
    const last = `${prefix}${changes.toString(16).padStart(10, '0')}` as Position
    // New rows, and changes of those that came last.
    const key = `CASE WHEN n <= ${inserts} THEN ${this.#keys} + n - 1 ELSE ${this.#keys} - 1 - (n * 7919) % ${this.#rows} END`
    const op = `CASE WHEN n <= ${inserts} THEN 'i' ELSE 'u' END AS "_op"`
    const at = `'${prefix}' || printf('%010x', n) AS "_source_position"`
    const files: StageFile[] = []
    for (const schema of this.#schemas) {
      const select = `SELECT ${op}, ${at}, ${values('i')} FROM (SELECT n, ${key} AS i FROM range(1, ${changes + 1}) t(n))`
      const file = stageFile(schema, 'changes', changes, first, last, changes - inserts)
      files.push(await this.#stage.query(file, select))
    }
    this.#keys += inserts
    const ideal = files.map((file) => this.#idealMs(file, changes))
    await this.#flush('final', files)
    return ideal
  }

  async close(): Promise<void> {
    await this.#destination[Symbol.asyncDispose]()
    this.#stage.close()
  }

  async #flush(into: 'promote' | 'final', files: readonly StageFile[]): Promise<void> {
    const from = this.#position
    this.#lsn += 1n
    this.#position = boundary(1, this.#lsn)
    const result = await this.#destination.flush(
      {
        lease: this.#lease,
        group: { name: DEFAULT_GROUP, from: into === 'promote' ? undefined : from, to: this.#position },
        to: this.#position,
        tables: this.#schemas.map((schema, index) => {
          const file = files[index]
          return { target: targetOf(schema), schema, files: file === undefined ? [] : [file], from, into }
        }),
        loadedMs: this.#clock.nowMs(),
      },
      SIGNAL,
    )
    if (result.outcome !== 'committed') throw new Error('The flush was not committed')
    await this.#destination.release()
  }

  #idealMs({ bytes, schema }: StageFile, changes: number): number {
    const { catalog, sizes } = this.#twin.state
    const name = schema.table.name.toUpperCase()
    const table = catalog.all('table').find((each) => each.name.name === name && each.name.schema === 'SHOP_PUBLIC')
    if (table === undefined) throw new Error(`There is no table ${name}`)
    const written = changes * rowBytes(table)
    const copy = modelledMs({ bytesScanned: bytes, bytesWritten: bytes, files: 1 }, 'XSMALL')
    const merge = modelledMs(
      { bytesScanned: bytes + sizes.of(table.id).bytes, bytesWritten: written, files: 0 },
      'XSMALL',
    )
    return copy.fixedMs + copy.throughputMs + merge.fixedMs + merge.throughputMs
  }
}

const SIGNAL = new AbortController().signal

const COLUMNS: readonly (readonly [name: string, sourceType: string, type: ColumnType])[] = [
  ['id', 'bigint', { kind: 'int64' }],
  ['customer', 'integer', { kind: 'int32' }],
  ['amount', 'numeric(12,2)', { kind: 'decimal', precision: 12, scale: 2 }],
  ['status', 'text', { kind: 'text' }],
  ['note', 'text', { kind: 'text' }],
  ['changed_at', 'timestamp with time zone', { kind: 'timestamptz' }],
]

function schemaOf(index: number): TableSchema {
  return {
    table: { source: 'shop', namespace: 'public', name: `orders_${index}` },
    version: 1,
    columns: COLUMNS.map(([name, sourceType, type], at) => ({ id: at + 1, name, sourceType, type, nullable: at > 0 })),
    identity: { kind: 'key', columnIds: [1] },
  }
}

/** Of the row with this number. */
function values(row: string): string {
  return [
    `${row}::BIGINT AS c1`,
    `(${row} % 5000)::INTEGER AS c2`,
    `(${row} % 100000 / 100)::DECIMAL(12, 2) AS c3`,
    `CASE WHEN ${row} % 3 = 0 THEN 'paid' ELSE 'open' END AS c4`,
    `'note ' || md5(${row}::VARCHAR) AS c5`,
    `TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL 1 SECOND * ${row} AS c6`,
  ].join(', ')
}

function targetOf({ table }: TableSchema): TargetTable {
  return {
    table,
    namespace: 'shop_public',
    name: table.name,
    write: 'merge',
    hardDelete: false,
    schemaChanges: 'evolve',
    loadTimeColumn: '_fivetran_synced',
    deletedColumn: '_fivetran_deleted',
  }
}

function stageFile(
  schema: TableSchema,
  kind: StageFile['kind'],
  rows: number,
  firstPosition: Position,
  lastPosition: Position,
  updates = 0,
): Omit<StageFile, 'path' | 'bytes' | 'batchId' | 'stagedMs'> {
  return { schema, kind, rows, firstPosition, lastPosition, features: { ...NO_FEATURES, updates } }
}
