/** What the contract tests of destinations share: a fixture, and a table that is driven as the engine drives it. */
import {
  type ComparingDestination,
  DEFAULT_GROUP,
  type Destination,
  type Flush,
  type FlushResult,
  type Lease,
  type TableFlush,
  type TableFlushResult,
  type TargetTable,
} from '../../src/core/destination.ts'
import { boundary, type Position, position } from '../../src/core/position.ts'
import type { StageFile } from '../../src/core/stage.ts'
import type { Column, ColumnKind, ColumnType, TableSchema } from '../../src/core/table-schema.ts'
import type { ChangeRow, SnapshotRow, StageRows } from '../support/stage-rows.ts'

export type AnyDestination = Destination & ComparingDestination
export type TextRow = Readonly<Record<string, string | null>>

export interface DestinationFixture extends AsyncDisposable {
  readonly destination: AnyDestination
  readonly stage: StageRows
  /** Another handle on the same storage, as a second process has it; the first one has let go. Disposed with the fixture. */
  openAnother(): Promise<AnyDestination>
  /** All rows as text, in order of all columns, read with other means than the destination. */
  rows(namespace: string, name: string): Promise<readonly TextRow[]>
  /** Runs SQL on the destination with other means. */
  run(sql: string): Promise<void>
  /** The most that it can hold of a kind, where that is less than others do. */
  readonly edges?: Partial<Record<ColumnKind, string>>
}

export const never = new AbortController().signal
export const LOADED_MS = Date.UTC(2026, 10, 20, 12)

/** The change number `ordinal` of the transaction that committed at `lsn`. */
export function at(lsn: number, ordinal = 1): Position {
  return position(1, BigInt(lsn), ordinal)
}

/** Every change before `lsn`. */
export function before(lsn: number, generation = 1): Position {
  return boundary(generation, BigInt(lsn))
}

export function column(id: number, name: string, type: ColumnType, more: Partial<Column> = {}): Column {
  return { id, name, type, sourceType: type.kind, nullable: true, ...more }
}

export function schemaOf(name: string, columns: readonly Column[], identity?: TableSchema['identity']): TableSchema {
  const [first] = columns
  return {
    table: { source: 'shop', namespace: 'public', name },
    columns,
    identity: identity ?? { kind: 'key', columnIds: [first?.id ?? 1] },
    version: 1,
  }
}

export const ITEMS = schemaOf('items', [
  column(1, 'id', { kind: 'int64' }, { nullable: false }),
  column(2, 'name', { kind: 'text' }),
  column(3, 'note', { kind: 'text' }),
])

export function targetOf(schema: TableSchema, more: Partial<TargetTable> = {}): TargetTable {
  return {
    table: schema.table,
    namespace: 'shop_public',
    name: schema.table.name,
    write: 'merge',
    hardDelete: false,
    schemaChanges: 'evolve',
    loadTimeColumn: '_fivetran_synced',
    deletedColumn: '_fivetran_deleted',
    ...more,
  }
}

/** One table and its group. */
export class DrivenTable {
  readonly fixture: DestinationFixture
  target: TargetTable
  schema: TableSchema
  lease: Lease
  /** The name of the group that it is in, or joins. */
  group = DEFAULT_GROUP
  /** The group's boundary. */
  position: Position | undefined

  private constructor(fixture: DestinationFixture, schema: TableSchema, target: TargetTable, lease: Lease) {
    this.fixture = fixture
    this.schema = schema
    this.target = target
    this.lease = lease
  }

  static async open(
    fixture: DestinationFixture,
    schema: TableSchema,
    more: Partial<TargetTable> = {},
  ): Promise<DrivenTable> {
    const { lease, checkpoints } = await fixture.destination.acquireLease('shop', never)
    const driven = new DrivenTable(fixture, schema, targetOf(schema, more), lease)
    driven.position = checkpoints.groups.get(driven.group)
    return driven
  }

  /** Live at `lsn`, with these rows from a snapshot. */
  static async live(
    fixture: DestinationFixture,
    schema: TableSchema,
    rows: readonly SnapshotRow[],
    more: Partial<TargetTable> = {},
    lsn = 10,
  ): Promise<DrivenTable> {
    const driven = await DrivenTable.open(fixture, schema, more)
    await driven.snapshot(lsn, rows)
    await driven.promote(lsn, lsn)
    return driven
  }

  get destination(): AnyDestination {
    return this.fixture.destination
  }

  /** `takenUs`: when it was taken. Microseconds since 1970. */
  async snapshot(lsn: number, rows: readonly SnapshotRow[], generation = 1, takenUs?: number): Promise<void> {
    const { destination, lease, target, schema } = this
    await destination.beginSnapshot(lease, target, schema, false, never)
    const file = await this.fixture.stage.snapshot(schema, before(lsn, generation), rows, takenUs)
    await destination.loadSnapshot(lease, { target, files: [file] }, never)
    await destination.finishSnapshot(lease, target, schema, before(lsn, generation), 1, never)
  }

  async promote(from: number, to: number, files: readonly StageFile[] = [], generation = 1): Promise<FlushResult> {
    const part = { ...this.part(files, before(from, generation)), into: 'promote' as const }
    return this.flushParts([part], before(to, generation))
  }

  part(files: readonly StageFile[], from: Position, schema = this.schema): TableFlush {
    return { target: this.target, schema, files, from, into: 'final' }
  }

  /** Changes of one flush, each array a stage file. */
  async stage(batches: readonly (readonly ChangeRow[])[]): Promise<StageFile[]> {
    const files: StageFile[] = []
    for (const batch of batches) files.push(await this.fixture.stage.changes(this.schema, batch))
    return files
  }

  flushOf(parts: readonly TableFlush[], to: Position): Flush {
    return {
      lease: this.lease,
      group: { name: this.group, from: this.position, to },
      to,
      tables: parts,
      loadedMs: LOADED_MS,
    }
  }

  async flushParts(parts: readonly TableFlush[], to: Position): Promise<FlushResult> {
    const result = await this.destination.flush(this.flushOf(parts, to), never)
    if (result.outcome === 'committed') this.position = to
    return result
  }

  /** Merges changes up to `to` into the final table. */
  async merge(to: number, ...batches: readonly (readonly ChangeRow[])[]): Promise<TableFlushResult> {
    const files = await this.stage(batches)
    const result = await this.flushParts([this.part(files, this.position ?? before(0))], before(to))
    if (result.outcome !== 'committed') throw new Error(`Rows are missing: ${JSON.stringify(result.missing)}`)
    const [counts] = result.tables
    if (counts === undefined) throw new Error('No counts')
    return counts
  }

  /** Rows without the time of loading, each as `name=value` of the given columns, `!` before those marked deleted. */
  async rows(...names: readonly string[]): Promise<readonly string[]> {
    const rows = await this.fixture.rows(this.target.namespace, this.target.name)
    return rows
      .map((row) => {
        const deleted = row[this.target.deletedColumn] === 'true' ? '!' : ''
        return deleted + names.map((name) => row[name] ?? 'NULL').join(' ')
      })
      .sort()
  }
}
