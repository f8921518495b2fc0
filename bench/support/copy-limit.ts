/**
 * The limit of what is read: binary COPY of the same rows over as many connections, bytes discarded, by the fastest reader
 * that this machine has. Each reader is a process of its own.
 *
 * - `client`: `copy-client.ts`, the leanest that Node can be.
 * - `psql`: `\copy … to /dev/null`, one process per connection.
 * - `server`: `COPY … TO PROGRAM 'cat >/dev/null'`: what the server makes when no connection carries the rows. It is tried,
 *   so that a report can name it, and never is the limit, as nobody can read over a connection what none carries.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { BenchServer } from './bench-server.ts'
import { findProgram } from './program-path.ts'
import { scriptPath } from './script-path.ts'
import { round } from './statistics.ts'

const run = promisify(execFile)

type CopyReader = (url: string, statements: readonly string[]) => Promise<number>

export interface CopyLimit {
  readonly reader: string
  /** Rows per second of each reader, as tried once before. */
  readonly tried: Readonly<Record<string, number>>
  /** Rows per second. `statements`: in place of those that were tried, as many rows. */
  readonly measure: (statements?: readonly string[]) => Promise<number>
}

/** Reads `rows` with each reader twice (the first time warms the caches) and takes the fastest that has connections. One connection a statement. */
export async function copyLimit(server: BenchServer, rows: number, statements: readonly string[]): Promise<CopyLimit> {
  const psql = await findProgram('psql')
  const readers: Readonly<Record<string, CopyReader>> =
    psql === undefined
      ? { client: byClient }
      : {
          client: byClient,
          psql: (url, each) => bySeveral(psql, url, each.map(toFile)),
          server: (url, each) => bySeveral(psql, url, each.map(toProgram)),
        }
  const rate = async (read: CopyReader, each = statements) => rows / (await read(server.url, each))
  const tried: Record<string, number> = {}
  let best = { reader: 'client', read: byClient, rate: 0 }
  for (const [reader, read] of Object.entries(readers)) {
    await rate(read)
    const found = round(await rate(read), 0)
    tried[reader] = found
    if (reader !== 'server' && found > best.rate) best = { reader, read, rate: found }
  }
  const { reader, read } = best
  return { reader, tried, measure: (each) => rate(read, each) }
}

/** Seconds from the first statement to the end of the last answer; connecting does not count. */
async function byClient(url: string, statements: readonly string[]): Promise<number> {
  const request = JSON.stringify({ url, statements })
  const { stdout } = await run(process.execPath, [scriptPath('copy-client.ts'), request])
  return (JSON.parse(stdout) as { readonly seconds: number }).seconds
}

/** Whole processes, a few hundredths of a second of connecting included. */
async function bySeveral(psql: string, url: string, commands: readonly string[]): Promise<number> {
  const started = performance.now()
  await Promise.all(commands.map((command) => run(psql, ['-X', '-q', '-d', url, '-c', command])))
  return (performance.now() - started) / 1000
}

function toFile(statement: string): string {
  return `\\${statement.replace(/^COPY/, 'copy').replace('TO STDOUT', 'TO /dev/null')}`
}

function toProgram(statement: string): string {
  return statement.replace('TO STDOUT', "TO PROGRAM 'cat >/dev/null'")
}
