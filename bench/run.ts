/**
 * `npm run bench -- NAME [--json]`: people's lines go to standard error, the report to standard output as one JSON object;
 * with `--json` it is one line. Without a name the benchmarks are listed.
 */
import { parseArgs } from 'node:util'
import { anomaly } from './anomaly.ts'
import { filesCheck } from './files-check.ts'
import { filesCheckWide } from './files-check-wide.ts'
import { filesDuplicates } from './files-duplicates.ts'
import { filesLoad } from './files-load.ts'
import { filesReport } from './files-report.ts'
import { history } from './history.ts'
import { largeTransaction } from './large-transaction.ts'
import { latency } from './latency.ts'
import { manyTables } from './many-tables.ts'
import { poll } from './poll.ts'
import { pollIdle } from './poll-idle.ts'
import { snapshotDuckdb } from './snapshot-duckdb.ts'
import { snapshotParquet } from './snapshot-parquet.ts'
import { snowflakeCost } from './snowflake-cost.ts'
import { snowflakeIdle } from './snowflake-idle.ts'
import { snowflakeLoad } from './snowflake-load.ts'
import { stageS3 } from './stage-s3.ts'
import { startup } from './startup.ts'
import { streamDuckdb } from './stream-duckdb.ts'
import { streamParquet } from './stream-parquet.ts'
import type { Benchmark, BenchReport } from './support/bench.ts'

const BENCHMARKS: readonly Benchmark[] = [
  snapshotParquet,
  snapshotDuckdb,
  streamParquet,
  streamDuckdb,
  history,
  latency,
  largeTransaction,
  manyTables,
  poll,
  pollIdle,
  snowflakeCost,
  snowflakeIdle,
  snowflakeLoad,
  stageS3,
  startup,
  anomaly,
  filesCheck,
  filesCheckWide,
  filesDuplicates,
  filesLoad,
  filesReport,
]

const OPTIONS = {
  json: { type: 'boolean', default: false },
  rows: { type: 'string' },
  changes: { type: 'string' },
  tables: { type: 'string' },
  seconds: { type: 'string' },
  connections: { type: 'string', default: '1' },
  rounds: { type: 'string' },
  profile: { type: 'string' },
  gigabytes: { type: 'string' },
} as const

const USAGE = `npm run bench -- NAME [options]

${BENCHMARKS.map(({ name, summary }) => `  ${name.padEnd(18)} ${summary}`).join('\n')}

  --json             the report on one line
  --rounds N         pairs of a limit and a measured run
  --connections N    of snapshot-parquet
  --profile FOLDER   CPU profiles of the measured processes
  --gigabytes N      text of files-check, files-check-wide and files-duplicates
  --rows N, --changes N, --tables N, --seconds N   smaller, for trying; the figure wants the defaults
`

const say = (line: string) => console.error(line)

function whole(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`"${text}" is not a whole number above 0`)
  return Number(text)
}

function tell(name: string, { ratio, measured, limit, unit, rssMiB, goal, met }: BenchReport): void {
  say(`${name}: ${measured} ${unit}, limit ${limit}, ratio ${ratio}, peak RSS ${rssMiB} MiB`)
  say(`${met ? 'met' : 'NOT met'}: ${goal}`)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true })
  const [name] = positionals
  const benchmark = BENCHMARKS.find((candidate) => candidate.name === name)
  if (benchmark === undefined) {
    say(USAGE)
    if (name !== undefined) throw new Error(`There is no benchmark "${name}"`)
    return
  }
  const optional = (text: string | undefined) => (text === undefined ? undefined : whole(text))
  const report = await benchmark.run({
    rows: optional(values.rows),
    changes: optional(values.changes),
    tables: optional(values.tables),
    seconds: optional(values.seconds),
    rounds: optional(values.rounds),
    connections: whole(values.connections),
    profile: values.profile,
    gigabytes: values.gigabytes === undefined ? undefined : Number(values.gigabytes),
    say,
  })
  tell(benchmark.name, report)
  console.log(JSON.stringify({ bench: benchmark.name, ...report }, undefined, values.json ? undefined : 2))
}

try {
  await main()
} catch (error) {
  say(error instanceof Error ? String(error.stack) : String(error))
  process.exitCode = 1
}
