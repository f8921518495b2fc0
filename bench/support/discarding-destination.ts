/**
 * A destination that takes everything and keeps nothing but its checkpoints, in a JSON file so that a second process can
 * go on: with it, a run measures what comes before the destination.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type {
  Destination,
  Flush,
  FlushResult,
  Lease,
  SnapshotLoad,
  SourceCheckpoints,
  TableCheckpoint,
  TargetTable,
} from '../../src/core/destination.ts'
import type { Position } from '../../src/core/position.ts'
import { type TableId, type TableSchema, tableName } from '../../src/core/table-schema.ts'

type KeptCheckpoints = Omit<SourceCheckpoints, 'groups'> & { readonly groups: readonly (readonly [string, Position])[] }

export class DiscardingDestination implements Destination {
  readonly name = 'discard'
  readonly #file: string
  #epoch = 0
  #groups = new Map<string, Position>()
  readonly #tables = new Map<string, TableCheckpoint>()

  constructor(file: string) {
    this.#file = file
    if (!existsSync(file)) return
    const kept = JSON.parse(readFileSync(file, 'utf8')) as KeptCheckpoints
    this.#epoch = kept.epoch
    this.#groups = new Map(kept.groups)
    for (const checkpoint of kept.tables) this.#tables.set(tableName(checkpoint.table), checkpoint)
  }

  async examine() {
    return []
  }

  async acquireLease(source: string) {
    this.#epoch++
    this.#save()
    return { lease: { source, epoch: this.#epoch }, checkpoints: this.#checkpoints() }
  }

  async checkpoints() {
    return this.#checkpoints()
  }

  async tokens() {
    return []
  }

  async beginSnapshot() {
    return []
  }

  async loadSnapshot(_lease: Lease, load: SnapshotLoad) {
    return { rows: load.files.reduce((rows, file) => rows + file.rows, 0), quarantined: 0 }
  }

  async finishSnapshot(_lease: Lease, target: TargetTable, _schema: TableSchema, position: Position) {
    this.#tables.set(tableName(target.table), { table: target.table, position, group: undefined })
    this.#save()
  }

  async flush(flush: Flush): Promise<FlushResult> {
    if (flush.group !== undefined) this.#groups.set(flush.group.name, flush.group.to)
    for (const { target, into } of flush.tables) {
      if (into === 'backfill') continue
      const group = into === 'shadow' ? undefined : flush.group?.name
      this.#tables.set(tableName(target.table), { table: target.table, position: flush.to, group })
    }
    this.#save()
    const tables = flush.tables.map(({ target, files }) => ({
      table: target.table,
      inserted: files.reduce((rows, file) => rows + file.rows, 0),
      updated: 0,
      deleted: 0,
      quarantined: 0,
    }))
    return { outcome: 'committed', tables, waitedForLockMs: 0 }
  }

  async finishBackfill() {
    return 0
  }

  async detach(_lease: Lease, table: TableId) {
    const known = this.#checkpoints().tables.find((entry) => tableName(entry.table) === tableName(table))
    if (known !== undefined) this.#tables.set(tableName(table), { ...known, group: undefined })
    this.#save()
  }

  async resetCheckpoint(_lease: Lease, table: TableId | undefined) {
    if (table === undefined) this.#tables.clear()
    else this.#tables.delete(tableName(table))
    this.#save()
  }

  async quarantine() {
    return []
  }

  async release() {}

  async [Symbol.asyncDispose]() {}

  #checkpoints(): SourceCheckpoints {
    const tables = [...this.#tables.values()].map((entry) => {
      const position = entry.group === undefined ? undefined : this.#groups.get(entry.group)
      return position === undefined ? entry : { ...entry, position }
    })
    return { epoch: this.#epoch, groups: this.#groups, tables }
  }

  #save(): void {
    const kept: KeptCheckpoints = { ...this.#checkpoints(), groups: [...this.#groups] }
    writeFileSync(this.#file, JSON.stringify(kept))
  }
}
