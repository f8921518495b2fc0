/** Tables that are polled: what changes arrives, whatever the order in which it becomes visible. */
import { expect, test } from 'vitest'
import { SyncFixture } from '../support/sync-fixture.ts'

const ORDERS = `
  CREATE TABLE orders (id bigint PRIMARY KEY, amount numeric(10,2), note text, updated_at timestamptz NOT NULL DEFAULT clock_timestamp());
  CREATE INDEX ON orders (updated_at);
  INSERT INTO orders SELECT g, g, 'n' || g FROM generate_series(1, 1000) g;
`
const orders = { namespace: 'public', name: 'orders', key: ['id'] }
const polling = { mode: 'polling' }

test('a first read and what changes after it arrive without a slot or a publication', async () => {
  await using fixture = await SyncFixture.create({ sql: ORDERS, tables: ['public.orders'], source: polling })
  await fixture.once()
  expect(await fixture.differences(orders)).toEqual([])
  await fixture.sql('UPDATE orders SET amount = amount + 1, updated_at = clock_timestamp() WHERE id % 10 = 0')
  await fixture.sql('INSERT INTO orders (id, amount) SELECT g, g FROM generate_series(2001, 2100) g')
  const { summary } = await fixture.once()
  expect(summary.changesStaged).toBe(200)
  expect(await fixture.differences(orders)).toEqual([])
  expect(await fixture.sql('SELECT slot_name FROM pg_replication_slots WHERE database = current_database()')).toEqual(
    [],
  )
  expect(await fixture.sql('SELECT pubname FROM pg_publication')).toEqual([])
})

test('a period of its own decides how often a source is polled', async () => {
  const often = { ...polling, interval: '50ms' }
  const sync = { interval: '1h' }
  await using fixture = await SyncFixture.create({ sql: ORDERS, tables: ['public.orders'], source: often, sync })
  const run = fixture.start()
  await run.live('public.orders')
  await fixture.sql('INSERT INTO orders (id, amount) SELECT g, g FROM generate_series(2001, 2100) g')
  await run.heard('staged', ({ changes }) => changes === 100)
  await run.stop()
})
