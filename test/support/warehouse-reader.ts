import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface WarehouseReader extends AsyncDisposable {
  /** Opens the file for each question, as soon as nobody writes, and lets go of it. */
  query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>
}

/** Another program that reads a DuckDB file beside a sync. */
export function spawnReader(path: string): WarehouseReader {
  const script = `
    import { createInterface } from 'node:readline'
    import { DuckDBInstance } from '@duckdb/node-api'
    const open = () => DuckDBInstance.create(process.argv[1], { access_mode: 'READ_ONLY' })
    const again = (error) => { if (!/lock/.test(String(error))) throw error; return open().catch(again) }
    for await (const sql of createInterface({ input: process.stdin })) {
      const instance = await open().catch(again)
      const connection = await instance.connect()
      const reader = await connection.runAndReadAll(sql)
      console.log(JSON.stringify(reader.getRowObjectsJson()))
      connection.closeSync()
      instance.closeSync()
    }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async query(sql) {
      child.stdin.write(`${sql.replaceAll('\n', ' ')}\n`)
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`${path} could not be read`)
      return JSON.parse(String(value)) as Readonly<Record<string, unknown>>[]
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await exited
    },
  }
}
