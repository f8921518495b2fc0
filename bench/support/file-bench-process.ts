/**
 * One side of a benchmark of file checks, in a process of its own: the hand-written query, or the product's check. Tells seconds and
 * the largest resident set.
 */
import { rm } from 'node:fs/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import { compressionOf, identifyFile } from '../../src/file-sets/file-fingerprint.ts'
import { runApart } from '../../src/quality/checks/apart-passes.ts'
import { CheckDatabase, duckdbMemoryBytes } from '../../src/quality/checks/check-database.ts'
import { runChecks } from '../../src/quality/checks/check-run.ts'
import { FilePasses } from '../../src/quality/checks/file-passes.ts'
import { giveHeapRoom } from '../../src/v8-flags.ts'
import { benchSet, type FileBenchRequest, limitSql } from './file-bench-table.ts'
import { peakRssMiB } from './peak-memory.ts'

giveHeapRoom()
const request = JSON.parse(process.argv[2] ?? '') as FileBenchRequest
const { shape, path, folder, memoryBytes } = request
const signal = new AbortController().signal

async function limit(): Promise<unknown> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '2',
    memory_limit: `${Math.floor(duckdbMemoryBytes(memoryBytes) / 1024)}KiB`,
    temp_directory: `${folder}/overflow-limit`,
  })
  const connection = await instance.connect()
  const reader = await connection.runAndReadAll(limitSql(shape, path))
  return reader.currentRowCount
}

async function check(): Promise<unknown> {
  const set = benchSet(shape)
  const file = {
    ...(await identifyFile(path)),
    set,
    name: 'bench',
    compression: await compressionOf(path),
    period: undefined,
  }
  if (shape === 'duplicates') {
    await using database = await CheckDatabase.open({ memoryBytes, threads: 2, folder, paths: [path] })
    const reader = await FilePasses.open(file, { database, folder, onBytes: () => undefined }, signal)
    const rule = {
      name: 'key',
      question: { kind: 'unique', columns: ['id'], across: 'file' },
      severity: 'CRITICAL',
      limit: {},
    } as const
    const setting = { reader, parsed: 1, sound: new Set(['id']), resolve: (name: string) => name, signal }
    const { result } = await runApart({ kind: 'unique', rule }, setting)
    return result.message
  }
  const setting = { folder, results: `${folder}/results`, calendars: new Map(), configChecksum: '', toolVersion: '' }
  const run = await runChecks(
    { files: [file], onBadRows: 'fail', checksum: false, memoryBytes, command: 'bench' },
    setting,
    () => undefined,
    signal,
  )
  await rm(`${folder}/results`, { recursive: true, force: true })
  const [result] = run.files
  if (result?.verdict !== 'pass') throw new Error(`the check found ${result?.reasons.join(' ')}`)
  return result.coverage.records
}

const started = performance.now()
const answer = await (request.side === 'limit' ? limit() : check())
const seconds = (performance.now() - started) / 1000
process.send?.({ seconds, rssMiB: peakRssMiB(), answer: String(answer) })
process.disconnect?.()
