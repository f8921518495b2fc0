/** The process that writes a DuckDB file is killed: the file is as it was after one of its commits. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { TableFlush } from '../../src/core/destination.ts'
import { filesInPlace } from '../../src/core/stage.ts'
import { openDuckDbDestination } from '../../src/destinations/duckdb/destination.ts'
import { at, before, column, DrivenTable, ITEMS, never, targetOf } from '../contract/destination-fixture.ts'
import type { FlushPlan } from '../support/flush-child.ts'
import { randomHistory, replayChanges } from '../support/row-history.ts'
import { StageRows } from '../support/stage-rows.ts'
import { Random } from '../torture/random.ts'

const CHILD = fileURLToPath(new URL('../support/flush-child.ts', import.meta.url))
const KILLS = Number(process.env.SIMPLYLOAD_KILLS ?? 6)
const STEPS = 40

test('killed at any moment, the table is what its checkpoint says', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'simplyload-killed-'))
  const path = join(folder, 'warehouse.duckdb')
  const stage = await StageRows.open(join(folder, 'stage'))
  const seed = new Random(20261120)
  const random = (below: number) => seed.integer(0, below - 1)
  try {
    const history = randomHistory(random, STEPS, at)
    const open = () =>
      openDuckDbDestination({
        path,
        memoryBytesMax: 128 << 20,
        fetch: async () => filesInPlace((file) => stage.location(file)),
      })
    await prepare(open, stage)
    const plan = await planOf(path, stage, history)
    const planPath = join(folder, 'plan.json')
    await writeFile(planPath, JSON.stringify(plan))
    for (let kill = 0; kill <= KILLS; kill++) {
      const left = STEPS / (KILLS + 1)
      await runChild(
        planPath,
        kill === KILLS ? undefined : { steps: Math.floor(left * seed.next() * 2), ms: random(60) },
      )
      const destination = open()
      const position = (await destination.checkpoints('shop', never))?.groups.get('')
      await destination[Symbol.asyncDispose]()
      const done = history.filter((transaction) => before(transaction.lsn + 1) <= (position ?? ''))
      const expected = replayChanges(
        done.flatMap((transaction) => transaction.changes),
        false,
      )
      expect(await readRows(open), `after kill ${kill} at ${position}`).toEqual(expected)
    }
  } finally {
    stage.close()
    await rm(folder, { recursive: true })
  }
})

type Open = () => ReturnType<typeof openDuckDbDestination>

/** A shadow table that waits to be promoted: the first step does. */
async function prepare(open: Open, stage: StageRows): Promise<void> {
  const destination = open()
  const fixture = { destination, stage } as unknown as DrivenTable['fixture']
  const table = await DrivenTable.open(fixture, ITEMS)
  await table.snapshot(50, [])
  await destination[Symbol.asyncDispose]()
}

/** One flush per transaction; on the way a column is added, then renamed. */
async function planOf(path: string, stage: StageRows, history: ReturnType<typeof randomHistory>): Promise<FlushPlan> {
  const added = column(4, 'added', { kind: 'text' }, { missingValue: 'was there' })
  const schemas = [
    ITEMS,
    { ...ITEMS, columns: [...ITEMS.columns, added], version: 2 },
    { ...ITEMS, columns: [...ITEMS.columns, { ...added, name: 'other' }], version: 3 },
  ]
  const steps: FlushPlan['steps'][number][] = []
  let from = before(50)
  for (const [index, { lsn, changes }] of history.entries()) {
    const schema = schemas[Math.floor((index * schemas.length) / history.length)] ?? ITEMS
    const files = changes.some((change) => change.position) ? [await stage.changes(schema, changes)] : []
    const into: TableFlush['into'] = index === 0 ? 'promote' : 'final'
    const to = before(lsn + 1)
    steps.push({ to, tables: [{ target: targetOf(ITEMS), schema, files, from, into }], loadedMs: 0 })
    from = to
  }
  return { path, folder: stage.folder, steps }
}

async function runChild(
  plan: string,
  kill: { readonly steps: number; readonly ms: number } | undefined,
): Promise<void> {
  const child = spawn(process.execPath, [CHILD, plan], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  if (kill === undefined) {
    child.stdout.resume()
    expect(await exited).toEqual([0, null])
    return
  }
  let steps = 0
  child.stdout.on('data', (dots: Buffer) => {
    steps += dots.length
    if (steps > kill.steps) setTimeout(() => child.kill('SIGKILL'), kill.ms)
  })
  await exited
}

async function readRows(open: Open): Promise<string[]> {
  const destination = open()
  try {
    const sql = `SELECT _fivetran_deleted, id, name, note, _source_position FROM shop_public.items`
    const { rows } = await destination.query(sql, never)
    const found: string[] = []
    for await (const [deleted, ...values] of rows) {
      found.push((deleted === true ? '!' : '') + values.map((value) => value ?? 'NULL').join(' '))
    }
    return found.sort()
  } catch (error) {
    if (String(error).includes('does not exist') || String((error as Error).cause).includes('does not exist')) return []
    throw error
  } finally {
    await destination[Symbol.asyncDispose]()
  }
}
