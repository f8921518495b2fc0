/**
 * The limit of a stream: `pg_recvlogical`, PostgreSQL's own client, writing what the server decodes to a file. It asks
 * for the same things as the product's stream, so the server does the same work for both.
 */
import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { BenchServer } from './bench-server.ts'
import { requireProgram } from './program-path.ts'

const run = promisify(execFile)

export const STREAM_OPTIONS = { proto_version: '2', binary: 'true', streaming: 'on', messages: 'true' } as const

export interface LogReading {
  /** Its slot is copied, so that each reading begins at the same place. */
  readonly slot: string
  readonly publications: string
  /** Where the log ends. */
  readonly lsn: string
  readonly folder: string
}

/** Seconds of the whole process. */
export async function receiveLog(server: BenchServer, reading: LogReading): Promise<number> {
  const program = await requireProgram('pg_recvlogical')
  const slot = 'bench_limit'
  const file = join(reading.folder, 'limit.out')
  const options = { ...STREAM_OPTIONS, publication_names: reading.publications }
  await copySlot(server, reading.slot, slot)
  try {
    const started = performance.now()
    await run(program, [
      ...['-d', server.url, '--slot', slot, '--start', '--no-loop', '--endpos', reading.lsn, '--file', file],
      ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ])
    return (performance.now() - started) / 1000
  } finally {
    await server.query(`SELECT pg_drop_replication_slot('${slot}')`)
    await rm(file, { force: true })
  }
}

/** `to` reads the same log from the same place as `from`. */
export async function copySlot(server: BenchServer, from: string, to: string): Promise<void> {
  await server.query(`SELECT pg_copy_logical_replication_slot('${from}', '${to}')`)
}

/** Puts a slot that was read back to where its copy stands. */
export async function rewindSlot(server: BenchServer, slot: string, kept: string): Promise<void> {
  await server.query(`SELECT pg_drop_replication_slot('${slot}')`)
  await copySlot(server, kept, slot)
}

/** Sizes as the server counts them: what logical decoding put into transactions, before the output plugin. */
export async function decodedBytes(server: BenchServer, slot: string): Promise<number> {
  return Number(await server.value(`SELECT total_bytes FROM pg_stat_replication_slots WHERE slot_name = '${slot}'`))
}
