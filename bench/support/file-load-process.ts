/**
 * One side of the benchmark of loading files, in a process of its own: DuckDB that reads the file and writes Parquet of the same
 * columns and compression, or the engine to the finished DuckDB table. Tells seconds, rows and the largest resident set.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { giveHeapRoom } from '../../src/v8-flags.ts'
import { ask, loadFiles } from '../../test/support/file-scene.ts'
import { benchSet } from './file-bench-table.ts'
import { peakRssMiB } from './peak-memory.ts'

export interface FileLoadRequest {
  readonly side: 'limit' | 'load'
  readonly folder: string
  /** Below the folder. */
  readonly name: string
}

giveHeapRoom()
const { side, folder, name } = JSON.parse(process.argv[2] ?? '') as FileLoadRequest
const bench = benchSet('orders')
const set = { ...bench, table: { ...bench.table, source: 'monthly' }, path: name, rules: [], key: [] }
const TYPES: Readonly<Record<string, string>> = { int64: 'BIGINT', int32: 'INTEGER', text: 'VARCHAR' }

async function limit(): Promise<number> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '2',
    memory_limit: '2GB',
    preserve_insertion_order: 'false',
  })
  const connection = await instance.connect()
  const columns = set.columns.map(({ name: column, type }) => {
    const sql =
      type.kind === 'decimal'
        ? `DECIMAL(${type.precision},${type.scale})`
        : (TYPES[type.kind] ?? type.kind.toUpperCase())
    return `'${column}': '${sql}'`
  })
  const read = `read_csv('${join(folder, name)}', auto_detect = false, header = true, delim = '\\t', quote = '', escape = '', columns = {${columns.join(', ')}})`
  const target = join(folder, 'limit.parquet')
  const reader = await connection.runAndReadAll(
    `COPY (SELECT * FROM ${read}) TO '${target}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)`,
  )
  if (statSync(target).size === 0) throw new Error('nothing was written')
  return Number(reader.getRowsJS()[0]?.[0])
}

async function load(): Promise<number> {
  const { firstError, problems } = await loadFiles(folder, [set], {
    threads: 2,
    memoryBytes: 1 << 30,
    destinationBytes: 2 * 2 ** 30,
    partBytes: 256 * 2 ** 20,
    freshnessMs: 1_000,
  })
  if (firstError !== undefined) throw firstError
  if (problems.length > 0) throw new Error(problems.join('\n'))
  return 0
}

const started = performance.now()
const rows = await (side === 'limit' ? limit() : load())
const seconds = (performance.now() - started) / 1000
const rssMiB = peakRssMiB()
const [counted] = side === 'limit' ? [String(rows)] : await ask(folder, `SELECT count(*) FROM files.${set.table.name}`)
process.send?.({ seconds, rssMiB, answer: `${counted} rows` })
process.disconnect()
