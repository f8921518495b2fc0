import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { expect, test } from 'vitest'
import { startPostgres } from './embedded-postgres.ts'

async function setting(url: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<{ value: string }>('SELECT current_setting($1) AS value', [name])).rows[0]?.value ?? ''
  } finally {
    await client.end()
  }
}

test('a server starts with logical decoding, the given settings and files, and leaves nothing behind', async () => {
  const server = await startPostgres({ settings: { work_mem: '7MB' }, files: { 'extra.conf': 'x = 1' } })
  expect(await setting(server.url, 'wal_level')).toBe('logical')
  expect(await setting(server.url, 'work_mem')).toBe('7MB')
  const folder = await setting(server.url, 'data_directory')
  expect(existsSync(`${folder}/extra.conf`)).toBe(true)
  await server.stop()
  await server.stop()
  expect(existsSync(folder)).toBe(false)
  await expect(setting(server.url, 'work_mem')).rejects.toThrow()
})

test('two servers run beside each other', async () => {
  await using first = await startPostgres()
  await using second = await startPostgres()
  expect(await setting(first.url, 'port')).not.toBe(await setting(second.url, 'port'))
})

test('a setting that the server refuses is an error with its reason', async () => {
  const error = await startPostgres({ settings: { wal_level: 'sideways' } }).catch((thrown: unknown) => thrown)
  expect(String((error as Error).cause)).toContain('wal_level')
})

test('the server ends with a process that is killed', async () => {
  const module = fileURLToPath(new URL('./embedded-postgres.ts', import.meta.url))
  const script = `const { startPostgres } = await import(${JSON.stringify(module)}); console.log((await startPostgres()).url); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const url = await new Promise<string>((resolve) =>
    child.stdout.once('data', (data: Buffer) => resolve(data.toString().trim())),
  )
  const folder = await setting(url, 'data_directory')
  child.kill('SIGKILL')
  const deadline = Date.now() + 20_000
  while (existsSync(folder) && Date.now() < deadline) await delay(20)
  expect(existsSync(folder)).toBe(false)
})
