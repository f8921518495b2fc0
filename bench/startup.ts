/** `simplyload validate` on a file with two tables, whole process, against a Node that does nothing. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Benchmark, BenchOptions, BenchReport } from './support/bench.ts'
import { describeRounds, inTurn } from './support/rounds.ts'
import { scriptPath } from './support/script-path.ts'
import { makeWorkFolder } from './support/work-folder.ts'

const ROUNDS = 31
const RATIO_MAX = 4

const CONFIGURATION = `version: 1
sources:
  shop:
    type: postgres
    url: \${SHOP_DATABASE_URL}
    tables:
      - public.customers
      - name: public.orders
        exclude: [internal_note]
destination: { type: duckdb, path: warehouse.duckdb }
`

const run = promisify(execFile)

export const startup: Benchmark = {
  name: 'startup',
  summary: '`simplyload validate` on a two-table file, against `node -e 0`',
  run: measureStartup,
}

async function measureStartup(options: BenchOptions): Promise<BenchReport> {
  await using folder = await makeWorkFolder()
  const file = join(folder.path, 'simplyload.yaml')
  await writeFile(file, CONFIGURATION)
  const environment = { ...process.env, SHOP_DATABASE_URL: 'postgres://shop:secret@localhost/shop' }
  const program = resolve(import.meta.dirname, '../bin/simplyload.js')
  options.say('compiling (not measured): people run the compiled program')
  await run(process.execPath, [resolve(import.meta.dirname, '../scripts/build.ts')])
  const execute = (parameters: readonly string[]) => run(process.execPath, [...parameters], { env: environment })
  const timed = async (parameters: readonly string[]) => {
    const started = performance.now()
    await execute(parameters)
    return performance.now() - started
  }
  const validate = [program, 'validate', '--config', file]
  await timed(validate)
  await timed(['-e', '0'])
  const rounds = await inTurn(
    options.rounds ?? ROUNDS,
    () => timed(['-e', '0']),
    () => timed(validate),
  )
  const { stderr } = await execute(['--import', scriptPath('report-memory.ts'), ...validate])
  const rssMiB = Math.round(Number(/peak RSS (\d+) MiB/.exec(stderr)?.[1]))
  const { pairs, ...figures } = describeRounds(rounds, 1)
  return {
    ...figures,
    unit: 'ms',
    rssMiB,
    goal: `ratio ≤ ${RATIO_MAX}`,
    met: figures.ratio <= RATIO_MAX,
    details: {
      limit: '`node -e 0`, whole process',
      measured: '`simplyload validate` of the compiled program, whole process, its compile cache filled',
      pairs,
    },
  }
}
