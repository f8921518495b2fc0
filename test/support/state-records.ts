/** Records of operational state, as a small sync would have them. */
import { NO_FEATURES } from '../../src/core/batch.ts'
import { boundary, position } from '../../src/core/position.ts'
import type { StageFile } from '../../src/core/stage.ts'
import type { SourceRecord, TableRecord } from '../../src/core/state.ts'
import type { TableId } from '../../src/core/table-schema.ts'

export const ORDERS: TableId = { source: 'shop', namespace: 'public', name: 'orders' }

export const SHOP: SourceRecord = {
  source: 'shop',
  generation: 1,
  identity: { system: '1', timeline: 1, slot: 's' },
  stagedThroughLsn: 0n,
  confirmedLsn: 0n,
  prunedThrough: undefined,
}

/** A stage file with the changes of one transaction, with thirty columns. */
export function changes(number: number, name = ORDERS.name): StageFile {
  const columns = Array.from({ length: 30 }, (_, index) => ({
    id: index + 1,
    name: `column_${index}`,
    type: { kind: 'int64' as const },
    sourceType: 'bigint',
    nullable: true,
  }))
  return {
    batchId: `b${number}`,
    path: `default/shop/public.${name}/2026-01-01_00/b${number}.parquet`,
    bytes: 1000,
    rows: 10,
    schema: { table: { ...ORDERS, name }, columns, identity: { kind: 'append' }, version: 1 },
    kind: 'changes',
    firstPosition: position(1, BigInt(number), 1),
    lastPosition: position(1, BigInt(number), 10),
    features: NO_FEATURES,
    stagedMs: 1,
  }
}

export function tableRecord(table: TableId = ORDERS): TableRecord {
  return {
    table,
    state: 'live',
    schema: { ...changes(1).schema, table },
    snapshotPosition: boundary(1, 5n),
    resumeState: undefined,
    lastError: undefined,
    lastErrorCode: undefined,
    lastSyncMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    rowsSnapshot: 40,
    changesMerged: 2,
    quarantined: 0,
    updatedMs: 9,
  }
}

/** For a child process that records three files per step and prints the step; `state` is there. */
export const WRITE_STEPS = `
  const found = await state.source('shop');
  let number = Number(found?.stagedThroughLsn ?? 0n);
  const shop = { ...${JSON.stringify({ ...SHOP, stagedThroughLsn: 0, confirmedLsn: 0 })}, stagedThroughLsn: 0n, confirmedLsn: 0n };
  if (found === undefined) await state.saveSource(shop);
  const file = ${JSON.stringify(changes(0))};
  const record = ${JSON.stringify(tableRecord())};
  while (true) {
    number++;
    await state.saveTable({ ...record, changesMerged: number });
    const staged = [1, 2, 3].map((part) => ({ ...file, batchId: number + '.' + part }));
    await state.recordStaged('shop', staged, BigInt(number), tokensOf(record.table, number));
    console.log(number);
  }`

/** Batch ids after so many of those steps. */
export function batchesOfSteps(steps: number): readonly string[] {
  return Array.from({ length: steps }, (_, index) => [1, 2, 3].map((part) => `${index + 1}.${part}`)).flat()
}
