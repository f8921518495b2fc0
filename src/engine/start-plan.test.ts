import { describe, expect, test } from 'vitest'
import type { TableCheckpoint } from '../core/destination.ts'
import { boundary, position } from '../core/position.ts'
import type { SourceRecord, TableRecord, TableState } from '../core/state.ts'
import type { TableSchema } from '../core/table-schema.ts'
import { planStart, type StartFacts, type TableStart } from './start-plan.ts'
import { newRecord } from './table-book.ts'

const table = { source: 'shop', namespace: 'public', name: 'orders' }
const schema: TableSchema = {
  table,
  columns: [
    { id: 1, name: 'id', type: { kind: 'int64' }, sourceType: 'bigint', nullable: false },
    { id: 3, name: 'total', type: { kind: 'text' }, sourceType: 'text', nullable: true },
  ],
  identity: { kind: 'key', columnIds: [1] },
  version: 1,
}
const identity = { system: '7400', timeline: 1, slot: 'simplyload_shop' }
const at = (lsn: bigint, generation = 1) => boundary(generation, lsn)

function record(change: Partial<SourceRecord> = {}): SourceRecord {
  return {
    source: 'shop',
    generation: 1,
    identity,
    stagedThroughLsn: 200n,
    confirmedLsn: 200n,
    prunedThrough: undefined,
    ...change,
  }
}

function known(state: TableState, change: Partial<TableRecord> = {}): TableRecord {
  return { ...newRecord(schema, 0), state, ...change }
}

function facts(change: Partial<StartFacts> & { checkpoint?: Partial<TableCheckpoint> } = {}): StartFacts {
  const { checkpoint, ...rest } = change
  return {
    described: [schema],
    prepared: { identity, created: false, restartLsn: 200n },
    record: record(),
    tables: [],
    checkpoints: {
      epoch: 3,
      groups: new Map([['', at(150n)]]),
      tables: checkpoint === undefined ? [] : [{ table, position: at(150n), group: '', ...checkpoint }],
    },
    freshSchemaVersion: 900,
    ...rest,
  }
}

const actionOf = (given: StartFacts): TableStart => planStart(given).starts.get('public.orders')!

describe('where a run starts', () => {
  test('with nothing known, each table is read and the stream starts at the slot', () => {
    const plan = planStart(facts({ record: undefined, checkpoints: { epoch: 1, groups: new Map(), tables: [] } }))
    expect(plan).toMatchObject({ generation: 1, fromLsn: 200n })
    expect(plan.starts.get('public.orders')).toEqual({ action: 'snapshot' })
  })

  test('a live table goes on from the checkpoint of the group, and the stream from what is staged', () => {
    const given = facts({ tables: [known('live')], checkpoint: {} })
    expect(actionOf(given)).toMatchObject({ action: 'live', from: at(150n) })
    expect(planStart(given).fromLsn).toBe(200n)
  })

  test('a slot behind what is staged is no gap: the stream starts later than the slot stands', () => {
    const given = facts({
      tables: [known('live')],
      checkpoint: {},
      prepared: { identity, created: false, restartLsn: 120n },
    })
    expect(actionOf(given).action).toBe('live')
    expect(planStart(given).fromLsn).toBe(200n)
  })

  test('a slot ahead of what is staged is a gap for tables that have rows, and none for one still to be read', () => {
    const ahead = { identity, created: false, restartLsn: 201n }
    expect(actionOf(facts({ tables: [known('live')], checkpoint: {}, prepared: ahead })).action).toBe('gap')
    expect(
      actionOf(facts({ tables: [known('catching_up')], checkpoint: { group: undefined }, prepared: ahead })).action,
    ).toBe('gap')
    expect(actionOf(facts({ tables: [known('pending')], prepared: ahead })).action).toBe('snapshot')
    expect(actionOf(facts({ tables: [known('snapshotting')], prepared: ahead })).action).toBe('snapshot')
  })

  test('a slot that was created anew under old progress is a gap', () => {
    const anew = { identity, created: true, restartLsn: 150n }
    expect(actionOf(facts({ tables: [known('live')], checkpoint: {}, prepared: anew })).action).toBe('gap')
  })

  test('another database system is a gap and a new generation', () => {
    const other = { identity: { ...identity, system: '7500' }, created: false, restartLsn: 10n }
    const plan = planStart(facts({ tables: [known('live')], checkpoint: {}, prepared: other }))
    expect(plan).toMatchObject({ generation: 2, fromLsn: 10n })
    expect(plan.starts.get('public.orders')!.action).toBe('gap')
  })

  test('a paused table starts as if it were not: with its own checkpoint, or with a gap', () => {
    const paused = known('paused', { resumeState: 'live' })
    expect(actionOf(facts({ tables: [paused], checkpoint: { group: undefined, position: at(90n) } }))).toMatchObject({
      action: 'rejoin',
      from: at(90n),
    })
    const ahead = { identity, created: false, restartLsn: 201n }
    expect(actionOf(facts({ tables: [paused], checkpoint: { group: undefined }, prepared: ahead })).action).toBe('gap')
    const unread = known('paused', { resumeState: 'pending' })
    expect(actionOf(facts({ tables: [unread], prepared: ahead })).action).toBe('snapshot')
  })

  const promoted = { identity: { ...identity, timeline: 2 }, created: false, restartLsn: 150n }
  const leftAt = (lsn: bigint) => ({ ...promoted, timelineEnds: new Map([[1, lsn]]) })

  test('a new timeline that goes on behind what is staged is a new generation and no gap', () => {
    const plan = planStart(facts({ tables: [known('live')], checkpoint: {}, prepared: leftAt(200n) }))
    expect(plan).toMatchObject({ generation: 2, fromLsn: 200n })
    expect(plan.starts.get('public.orders')!.action).toBe('live')
    // What was read of it so far may be of a place of the log that is another one now.
    expect(actionOf(facts({ tables: [known('snapshotting')], prepared: leftAt(200n) })).action).toBe('snapshot')
  })

  test('a new timeline that left the log before what is staged is a gap, and so is one of unknown origin', () => {
    for (const prepared of [leftAt(199n), promoted, { ...promoted, timelineEnds: new Map([[7, 900n]]) }]) {
      const plan = planStart(facts({ tables: [known('live')], checkpoint: {}, prepared }))
      expect(plan).toMatchObject({ generation: 2, fromLsn: 150n })
      expect(plan.starts.get('public.orders')).toMatchObject({
        action: 'gap',
        reason: expect.stringMatching(/took over/),
      })
    }
    const ahead = { tables: [known('catching_up')], checkpoint: { position: at(201n), group: undefined } }
    expect(actionOf(facts({ ...ahead, prepared: leftAt(200n) })).action).toBe('gap')
  })

  test('a destination without checkpoint of a table that was live is read again', () => {
    expect(actionOf(facts({ tables: [known('live')] }))).toMatchObject({ action: 'snapshot' })
  })

  test('a commit whose reply was lost is believed: promoted, or complete as of its snapshot', () => {
    expect(actionOf(facts({ tables: [known('catching_up')], checkpoint: {} })).action).toBe('live')
    expect(actionOf(facts({ tables: [known('snapshotting')], checkpoint: { group: undefined } })).action).toBe(
      'catch-up',
    )
  })

  test('a snapshot goes on where it was, unless its columns changed meanwhile', () => {
    expect(actionOf(facts({ tables: [known('snapshotting')] })).action).toBe('resume-snapshot')
    const older = { ...schema, columns: schema.columns.slice(0, 1) }
    expect(actionOf(facts({ tables: [known('snapshotting', { schema: older })] })).action).toBe('snapshot')
  })

  test('a live table outside the group rejoins it', () => {
    const given = facts({
      tables: [known('failed', { resumeState: 'live' })],
      checkpoint: { group: undefined, position: at(90n) },
    })
    expect(actionOf(given)).toMatchObject({ action: 'rejoin', from: at(90n) })
  })

  test('a table that waits for a person stays as it is', () => {
    expect(actionOf(facts({ tables: [known('needs_resync')], checkpoint: { group: undefined } }))).toMatchObject({
      action: 'stay',
      state: 'needs_resync',
    })
  })

  test('a column that was excluded until now needs the table to be read again; one added later does not', () => {
    const column = (id: number, name: string) => ({
      id,
      name,
      type: { kind: 'text' as const },
      sourceType: 'text',
      nullable: true,
    })
    const included = { ...schema, columns: [...schema.columns, column(2, 'secret')] }
    expect(actionOf(facts({ described: [included], tables: [known('live')], checkpoint: {} }))).toMatchObject({
      action: 'gap',
      reason: expect.stringContaining('secret'),
    })
    const added = { ...schema, columns: [...schema.columns, column(4, 'later')] }
    expect(actionOf(facts({ described: [added], tables: [known('live')], checkpoint: {} })).action).toBe('live')
  })

  test('without state, a table in the group goes on where the slot can still send everything since its checkpoint', () => {
    const lost = { record: undefined, checkpoint: { position: position(1, 150n, 0) } }
    const slotAt = (restartLsn: bigint) => ({ identity, created: false, restartLsn })
    expect(actionOf(facts({ ...lost, prepared: slotAt(140n) }))).toMatchObject({
      action: 'live',
      schema: { version: 900 },
    })
    expect(actionOf(facts({ ...lost, prepared: slotAt(151n) })).action).toBe('gap')
  })

  test('a destination older than the stage files that are kept cannot catch up', () => {
    const given = facts({
      tables: [known('live')],
      checkpoint: {},
      record: record({ prunedThrough: position(1, 160n, 4) }),
    })
    expect(actionOf(given).action).toBe('gap')
  })

  test('files of other tables that are gone say nothing about a table that had not come so far', () => {
    const pruned = record({ prunedThrough: position(1, 160n, 4) })
    const planned = (mergedThrough: bigint, group: string | undefined) =>
      actionOf(
        facts({ tables: [known('live', { mergedThrough: at(mergedThrough) })], checkpoint: { group }, record: pruned }),
      ).action
    expect(planned(150n, '')).toBe('live')
    expect(planned(150n, undefined)).toBe('rejoin')
    expect(planned(151n, '')).toBe('gap')
    expect(planned(170n, undefined)).toBe('gap')
    const unknown = facts({ tables: [known('live')], checkpoint: { group: undefined }, record: pruned })
    expect(actionOf(unknown).action).toBe('rejoin')
  })

  test('a checkpoint without state is no good for a table that was not published', () => {
    const lost = { record: undefined, prepared: { identity, created: false, restartLsn: 100n }, checkpoint: {} }
    expect(actionOf(facts(lost)).action).toBe('live')
    expect(actionOf(facts({ ...lost, unpublished: new Set(['public.orders']) })).action).toBe('gap')
  })
})
