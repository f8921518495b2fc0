/** Money moves between two tables while the sync runs and is killed: whoever reads the copy sees the same total. */
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { SyncFixture } from '../support/sync-fixture.ts'
import { Random } from '../torture/random.ts'
import { StatementLog } from '../torture/statement-log.ts'
import { SyncChild } from '../torture/sync-child.ts'
import { readTotal } from '../torture/torture-destination.ts'
import { MONEY_ACCOUNTS, MONEY_TABLES, MONEY_TOTAL } from '../torture/world.ts'
import { runMoneyMover } from '../torture/writer.ts'

const KILLS = 4
const READS_PER_LIFE = 4

test('the total is the same at every moment', async () => {
  const tables = MONEY_TABLES.map(
    (name) => `CREATE TABLE ${name} (id int PRIMARY KEY, cents bigint NOT NULL);
      INSERT INTO ${name} SELECT i, 1000 FROM generate_series(1, ${MONEY_ACCOUNTS}) i`,
  )
  await using fixture = await SyncFixture.create({
    sql: tables.join(';'),
    tables: MONEY_TABLES.map((name) => `public.${name}`),
    naming: 'torture.{table}',
  })
  const random = new Random(4711)
  const log = new StatementLog(`${fixture.folder}/statements.log`)
  const end = new AbortController()
  const movers = [1, 2].map((number) =>
    runMoneyMover({
      url: fixture.database.url,
      name: `mover ${number}`,
      random: random.fork(),
      log,
      signal: end.signal,
      pauseMs: 3,
    }),
  )
  const totals = new Set<string>()
  try {
    for (let life = 0; life <= KILLS; life++) {
      const child = new SyncChild({
        configFile: fixture.configFile,
        logFile: `${fixture.folder}/sync.log`,
        once: false,
        faults: { seed: random.integer(1, 1e9), rate: 0.1 },
      })
      // It is killed wherever it is once enough has been read of it.
      for (let reads = 0; reads < READS_PER_LIFE && child.running; ) {
        const total = await readTotal(fixture.warehouse, 0)
        if (total !== undefined && total !== 'refused') {
          reads++
          totals.add(total)
        }
        await delay(random.integer(5, 60))
      }
      // Some of the faults kill it too; it never ends by itself.
      expect((await child.end()).signal).toBe('SIGKILL')
      const afterKill = await readTotal(fixture.warehouse, 0)
      if (afterKill !== undefined) totals.add(afterKill)
    }
  } finally {
    end.abort()
    await Promise.all(movers)
    await log.close()
  }
  expect([...totals]).toEqual([String(MONEY_TOTAL)])
  await fixture.once()
  const compared = MONEY_TABLES.map((name) => ({
    namespace: 'public',
    name,
    key: ['id'],
    target: { namespace: 'torture', name },
  }))
  expect(await fixture.differences(...compared)).toEqual([])
})
