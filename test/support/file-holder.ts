import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Another program that has a DuckDB file open, as a notebook has. Lets go of it when it is disposed. */
export async function holdDuckDbFile(path: string, mode: 'READ_ONLY' | 'READ_WRITE'): Promise<AsyncDisposable> {
  const script = `
    import { DuckDBInstance } from '@duckdb/node-api'
    const open = () => DuckDBInstance.create(process.argv[1], { access_mode: process.argv[2] })
    // A sync that is writing has it for a moment.
    const again = (error) => { if (!/lock/.test(String(error))) throw error; return open().catch(again) }
    const instance = await open().catch(again)
    const connection = await instance.connect()
    await connection.run('SELECT 1')
    console.log('held')
    process.stdin.on('end', () => process.exit()).resume()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, path, mode], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const [first] = await Promise.race([once(child.stdout, 'data'), exited])
  if (!String(first).startsWith('held')) throw new Error(`${path} could not be opened`)
  return {
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await exited
    },
  }
}
