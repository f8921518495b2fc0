/** Records and files that the contract of operational state is tried with. */
import { type BatchFeatures, NO_FEATURES } from '../../src/core/batch.ts'
import { boundary, position } from '../../src/core/position.ts'
import type { StageFile } from '../../src/core/stage.ts'
import type { RequestBox, SourceRecord, State, TableRecord } from '../../src/core/state.ts'
import type { TableId, TableSchema } from '../../src/core/table-schema.ts'

export const orders: TableId = { source: 'shop', namespace: 'public', name: 'orders' }
export const odd: TableId = { source: 'shop', namespace: 'we"ird', name: 'a.b/ü' }

export function schemaOf(table: TableId, version = 1): TableSchema {
  const column = {
    id: 1,
    name: 'id',
    type: { kind: 'decimal' as const, precision: 38, scale: 2 },
    sourceType: 'numeric',
    nullable: false,
  }
  return { table, columns: [column], identity: { kind: 'key', columnIds: [1] }, version }
}

export function file(
  batchId: string,
  table: TableId,
  first: number,
  last: number,
  kind: StageFile['kind'] = 'changes',
): StageFile {
  const features: BatchFeatures = { ...NO_FEATURES, deletes: 2 }
  return {
    batchId,
    path: `default/shop/${batchId}.parquet`,
    bytes: 2 ** 33,
    ...(kind === 'changes' ? { checksum: 'crc32:0089abcd' } : {}),
    rows: 5,
    schema: schemaOf(table),
    kind,
    firstPosition: position(1, BigInt(first), 1),
    lastPosition: position(1, BigInt(last), 7),
    features,
    stagedMs: 1_000,
  }
}

export const record: SourceRecord = {
  source: 'shop',
  generation: 2,
  identity: { system: '7400123456789012345', timeline: 3, slot: 'simplyload_shop' },
  stagedThroughLsn: 0xffff_ffff_ffff_fff0n,
  confirmedLsn: 0xffff_ffff_ffff_fff0n,
  prunedThrough: undefined,
}

export function tableRecord(table: TableId): TableRecord {
  return {
    table,
    state: 'snapshotting',
    schema: schemaOf(table, 4),
    snapshotPosition: boundary(1, 5n),
    resumeState: undefined,
    lastError: undefined,
    lastErrorCode: undefined,
    lastSyncMs: undefined,
    rowsSnapshot: 2 ** 40,
    changesMerged: 0,
    quarantined: 0,
    updatedMs: 1,
  }
}

/** One place of state, made empty. */
export interface StatePlace extends AsyncDisposable {
  /** As the sync has it: at most one at a time. */
  reopen(): Promise<State>
  /** As a command has it, beside a sync or before the first one. */
  openBox(): Promise<RequestBox>
}
