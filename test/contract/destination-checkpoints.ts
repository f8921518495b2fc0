/** Leases, boundaries, lost replies: every write is safe to repeat. */
import { expect, it } from 'vitest'
import { isPipelineError } from '../../src/core/errors.ts'
import {
  at,
  before,
  column,
  type DestinationFixture,
  DrivenTable,
  ITEMS,
  LOADED_MS,
  never,
  schemaOf,
  targetOf,
} from './destination-fixture.ts'

const ONE = { values: { 1: '1', 2: 'one', 3: 'first' } }
const OTHER = schemaOf('other', [column(1, 'id', { kind: 'int64' }), column(2, 'v', { kind: 'text' })])

export function describeCheckpoints(fixture: () => DestinationFixture): void {
  it('a destination that does not exist has no checkpoints, and asking does not make it', async () => {
    expect(await fixture().destination.checkpoints('shop', never)).toBeUndefined()
    expect(await fixture().destination.quarantine('shop', { limit: 10 }, never)).toEqual([])
    expect(await fixture().destination.checkpoints('shop', never)).toBeUndefined()
  })

  it('each lease has a higher epoch, for its own source', async () => {
    const { destination } = fixture()
    const first = await destination.acquireLease('shop', never)
    expect(first).toEqual({
      lease: { source: 'shop', epoch: 1 },
      checkpoints: { epoch: 1, groups: new Map(), tables: [] },
    })
    expect((await destination.acquireLease('shop', never)).lease.epoch).toBe(2)
    expect((await destination.acquireLease('crm', never)).lease.epoch).toBe(1)
    expect((await destination.checkpoints('shop', never))?.epoch).toBe(2)
    expect(await destination.checkpoints('nowhere', never)).toBeUndefined()
  })

  it('a flush whose reply was lost changes nothing when it is repeated', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [ONE])
    const files = await table.stage([
      [
        { op: 'i', position: at(11), values: { 1: '2', 2: 'two', 3: null } },
        { op: 'u', position: at(12), values: { 1: '1', 2: 'uno' }, unchanged: [3] },
        { op: 'u', position: at(13), values: { 1: '3', 2: 'drei', 3: null }, oldKey: { 1: '2' } },
      ],
    ])
    const flush = table.flushOf([table.part(files, before(10))], before(20))
    await table.destination.flush(flush, never)
    const once = await fixture().rows('shop_public', 'items')
    const again = await table.destination.flush({ ...flush, loadedMs: LOADED_MS + 1 }, never)
    expect(again).toMatchObject({ outcome: 'committed' })
    expect(await fixture().rows('shop_public', 'items')).toEqual(once)
  })

  it('a promotion whose reply was lost is recognised too', async () => {
    const table = await DrivenTable.open(fixture(), ITEMS)
    await table.snapshot(10, [ONE])
    const files = await table.stage([[{ op: 'i', position: at(11), values: { 1: '2', 2: 'two', 3: null } }]])
    const part = { ...table.part(files, before(10)), into: 'promote' as const }
    const flush = table.flushOf([part], before(20))
    await table.destination.flush(flush, never)
    const once = await fixture().rows('shop_public', 'items')
    expect(await table.destination.flush(flush, never)).toMatchObject({ outcome: 'committed' })
    expect(await fixture().rows('shop_public', 'items')).toEqual(once)
    expect(once).toHaveLength(2)
  })

  it('with a newer lease the older one can write nothing', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [ONE])
    const files = await table.stage([[{ op: 'd', position: at(11), values: { 1: '1' } }]])
    const another = await fixture().openAnother()
    const { lease } = await another.acquireLease('shop', never)
    await another.release()
    const { destination, target } = table
    const lost = (error: unknown) => isPipelineError(error, 'lease_lost')
    const attempts = [
      () => destination.flush(table.flushOf([table.part(files, before(10))], before(20)), never),
      () => destination.flush({ ...table.flushOf([], before(20)) }, never),
      () => destination.beginSnapshot(table.lease, target, ITEMS, false, never),
      () => destination.loadSnapshot(table.lease, { target, files: [] }, never),
      () => destination.finishSnapshot(table.lease, target, ITEMS, before(10), 1, never),
      () => destination.detach(table.lease, ITEMS.table, never),
      () => destination.resetCheckpoint(table.lease, undefined, never),
    ]
    for (const attempt of attempts) await expect(attempt()).rejects.toSatisfy(lost)
    expect(await table.rows('id')).toEqual(['1'])
    table.lease = lease
    await table.merge(20, [{ op: 'd', position: at(11), values: { 1: '1' } }])
    expect(await table.rows('id')).toEqual(['!1'])
  })

  it('a flush from a boundary that the destination does not have is refused', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [ONE])
    table.position = before(12)
    const files = await table.stage([[{ op: 'd', position: at(13), values: { 1: '1' } }]])
    const flush = table.flushParts([table.part(files, before(12))], before(20))
    await expect(flush).rejects.toSatisfy((error) => isPipelineError(error, 'internal'))
    expect(await table.rows('id')).toEqual(['1'])
  })

  it('all tables of the group move together, idle ones too, and nothing moves where one fails', async () => {
    const items = await DrivenTable.live(fixture(), ITEMS, [ONE])
    const other = await DrivenTable.open(fixture(), OTHER)
    await other.snapshot(10, [{ values: { 1: '1', 2: 'a' } }])
    await other.promote(10, 20)
    const at20 = await fixture().destination.checkpoints('shop', never)
    expect(at20?.tables).toEqual([
      { table: ITEMS.table, position: before(20), group: '' },
      { table: OTHER.table, position: before(20), group: '' },
    ])
    items.lease = other.lease
    const good = await items.stage([[{ op: 'u', position: at(21), values: { 1: '1', 2: 'neu', 3: null } }]])
    const bad = await other.stage([[{ op: 'i', position: at(22), values: { 1: '2', 2: 'b' } }]])
    const broken = bad.map((file) => ({ ...file, rows: 7 }))
    other.position = before(20)
    const flush = other.flushOf([items.part(good, before(20)), other.part(broken, before(20))], before(30))
    await expect(fixture().destination.flush(flush, never)).rejects.toMatchObject({
      code: 'stage_file_damaged',
      context: { table: 'public.other' },
    })
    expect(await items.rows('name')).toEqual(['one'])
    expect((await fixture().destination.checkpoints('shop', never))?.groups.get('')).toBe(before(20))
  })

  it('a table that leaves the group keeps its boundary, and joins again at the boundary of the others', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [ONE])
    const { destination, lease } = table
    await destination.detach(lease, ITEMS.table, never)
    await destination.detach(lease, ITEMS.table, never)
    await table.flushParts([], before(20))
    const apart = await destination.checkpoints('shop', never)
    expect(apart?.tables).toEqual([{ table: ITEMS.table, position: before(10), group: undefined }])
    const files = await table.stage([[{ op: 'u', position: at(12), values: { 1: '1', 2: 'late', 3: null } }]])
    const part = { ...table.part(files, before(10)), into: 'rejoin' as const }
    const flush = table.flushOf([part], before(30))
    await destination.flush(flush, never)
    expect(await destination.flush(flush, never)).toMatchObject({ outcome: 'committed' })
    expect(await table.rows('name')).toEqual(['late'])
    const together = await destination.checkpoints('shop', never)
    expect(together?.tables).toEqual([{ table: ITEMS.table, position: before(30), group: '' }])
  })

  it('groups move by themselves: a table goes with its own, and another group stays where it is', async () => {
    const items = await DrivenTable.live(fixture(), ITEMS, [ONE])
    const hourly = await DrivenTable.open(fixture(), OTHER)
    await hourly.snapshot(10, [{ values: { 1: '1', 2: 'a' } }])
    hourly.group = '3600000'
    hourly.position = undefined
    await hourly.promote(10, 30)
    items.lease = hourly.lease
    await items.merge(20, [{ op: 'u', position: at(12), values: { 1: '1', 2: 'neu', 3: null } }])
    expect(await fixture().destination.checkpoints('shop', never)).toEqual({
      epoch: hourly.lease.epoch,
      groups: new Map([
        ['', before(20)],
        ['3600000', before(30)],
      ]),
      tables: [
        { table: ITEMS.table, position: before(20), group: '' },
        { table: OTHER.table, position: before(30), group: '3600000' },
      ],
    })
    await hourly.merge(50, [{ op: 'i', position: at(40), values: { 1: '2', 2: 'b' } }])
    await items.flushParts([], before(60))
    const moved = await fixture().destination.checkpoints('shop', never)
    expect(moved?.groups).toEqual(
      new Map([
        ['', before(60)],
        ['3600000', before(50)],
      ]),
    )
    expect(await hourly.rows('v')).toEqual(['a', 'b'])
    const files = await items.stage([[{ op: 'd', position: at(61), values: { 1: '1' } }]])
    const astray = { ...items.part(files, before(60)), target: items.target }
    await expect(hourly.flushParts([astray], before(70))).rejects.toThrow()
    expect(await items.rows('id')).toEqual(['1'])
  })

  it('the first flush of a group is recognised when it is repeated, and needs the lease as any other', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [ONE])
    const { destination, lease } = table
    const begins = { lease, to: before(20), tables: [], loadedMs: LOADED_MS }
    const group = { name: '60000', from: undefined, to: before(20) }
    await destination.flush({ ...begins, group }, never)
    expect(await destination.flush({ ...begins, group }, never)).toMatchObject({ outcome: 'committed' })
    const elsewhere = destination.flush({ ...begins, group: { ...group, from: before(5), to: before(30) } }, never)
    await expect(elsewhere).rejects.toSatisfy((error) => isPipelineError(error, 'internal'))
    const newer = await destination.acquireLease('shop', never)
    const late = [group, { name: '60000', from: before(20), to: before(30) }, { ...group, name: '120000' }]
    for (const move of late) {
      const flush = destination.flush({ ...begins, to: move.to, group: move }, never)
      await expect(flush).rejects.toSatisfy((error) => isPipelineError(error, 'lease_lost'))
    }
    const held = { ...begins, lease: newer.lease, to: before(30) }
    await destination.flush({ ...held, group: { name: '60000', from: before(20), to: before(30) } }, never)
    expect((await destination.checkpoints('shop', never))?.groups.get('60000')).toBe(before(30))
  })

  it('a table that leaves one group for another takes its boundary with it, and nothing is lost', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [ONE])
    const { destination, lease } = table
    await table.merge(20, [{ op: 'u', position: at(11), values: { 1: '1', 2: 'uno', 3: null } }])
    await destination.detach(lease, ITEMS.table, never)
    const files = await table.stage([[{ op: 'u', position: at(22), values: { 1: '1', 2: 'eins', 3: null } }]])
    table.group = '900000'
    table.position = undefined
    const part = { ...table.part(files, before(20)), into: 'rejoin' as const }
    const flush = table.flushOf([part], before(30))
    await destination.flush(flush, never)
    expect(await destination.flush(flush, never)).toMatchObject({ outcome: 'committed' })
    expect(await table.rows('name')).toEqual(['eins'])
    const moved = await destination.checkpoints('shop', never)
    expect(moved?.tables).toEqual([{ table: ITEMS.table, position: before(30), group: '900000' }])
    expect(moved?.groups.get('')).toBe(before(20))
    await destination.resetCheckpoint(lease, undefined, never)
    expect(await destination.checkpoints('shop', never)).toEqual({ epoch: lease.epoch, groups: new Map(), tables: [] })
  })

  it('a checkpoint that is reset is gone, and the table stays', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [ONE])
    const other = await DrivenTable.open(fixture(), OTHER)
    await other.snapshot(10, [{ values: { 1: '1', 2: 'a' } }])
    await other.promote(10, 20)
    const { destination, lease } = other
    await destination.resetCheckpoint(lease, ITEMS.table, never)
    const one = await destination.checkpoints('shop', never)
    expect(one?.tables.map((entry) => entry.table.name)).toEqual(['other'])
    await destination.resetCheckpoint(lease, undefined, never)
    const none = await destination.checkpoints('shop', never)
    expect(none).toEqual({ epoch: lease.epoch, groups: new Map(), tables: [] })
    expect(await table.rows('id')).toEqual(['1'])
  })

  it('two sources share a destination without touching each other', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [ONE])
    const { destination } = fixture()
    const { lease } = await destination.acquireLease('crm', never)
    const schema = { ...ITEMS, table: { ...ITEMS.table, source: 'crm' } }
    const target = targetOf(schema, { namespace: 'crm_public' })
    await destination.beginSnapshot(lease, target, schema, false, never)
    await destination.finishSnapshot(lease, target, schema, before(5), 1, never)
    const part = { target, schema, files: [], from: before(5), into: 'promote' as const }
    await destination.flush(
      { lease, group: { name: '', from: undefined, to: before(6) }, to: before(6), tables: [part], loadedMs: 0 },
      never,
    )
    await table.merge(20, [{ op: 'd', position: at(11), values: { 1: '1' } }])
    expect((await destination.checkpoints('crm', never))?.groups.get('')).toBe(before(6))
    expect((await destination.checkpoints('shop', never))?.groups.get('')).toBe(before(20))
    expect(await fixture().rows('crm_public', 'items')).toEqual([])
  })

  it('a table that another source owns is refused', async () => {
    await DrivenTable.live(fixture(), ITEMS, [ONE])
    const { destination } = fixture()
    const { lease } = await destination.acquireLease('crm', never)
    const schema = { ...ITEMS, table: { ...ITEMS.table, source: 'crm' } }
    const begin = destination.beginSnapshot(lease, targetOf(schema), schema, false, never)
    await expect(begin).rejects.toMatchObject({ code: 'destination_rejected', context: { table: 'public.items' } })
  })

  it('a call that is stopped rejects with the reason and changes nothing', async () => {
    const table = await DrivenTable.live(fixture(), ITEMS, [ONE])
    const files = await table.stage([[{ op: 'd', position: at(11), values: { 1: '1' } }]])
    const reason = new Error('enough')
    const flush = table.flushOf([table.part(files, before(10))], before(20))
    await expect(table.destination.flush(flush, AbortSignal.abort(reason))).rejects.toBe(reason)
    expect(await table.rows('id')).toEqual(['1'])
  })
}
