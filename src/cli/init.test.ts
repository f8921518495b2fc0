import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { discoveredTable, runCli } from '../../test/support/command-line.ts'
import { snowflakeDestinationSchema } from '../destinations/snowflake/config.ts'

describe('init', () => {
  test('writes a file that names the variable, and the connection string nowhere', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'simplyload-test-'))
    const before = process.cwd()
    process.chdir(folder)
    try {
      const url = 'postgres://me:geheim@db/shop'
      const found = {
        discover: async () => [{ source: 'shop', tables: [discoveredTable('orders'), discoveredTable('Odd: na.me')] }],
      }
      const run = await runCli(['init', '--yes', '--url', url, '--source', 'web_shop'], { application: found })
      expect(run.exitCode).toBe(0)
      expect((await readdir('.')).sort()).toEqual(['.env.example', 'simplyload.yaml'])
      const text = await readFile('simplyload.yaml', 'utf8')
      expect(text + (await readFile('.env.example', 'utf8'))).not.toContain('geheim')
      expect(parse(text)).toMatchObject({
        version: 1,
        sources: {
          web_shop: {
            type: 'postgres',
            url: '${WEB_SHOP_DATABASE_URL}',
            tables: ['public.orders', 'public."Odd: na.me"'],
          },
        },
        destination: { type: 'duckdb', path: 'warehouse.duckdb' },
      })
      const again = await runCli(['init', '--yes'])
      expect(again.exitCode).toBe(2)
      expect(again.stderr).toContain('it exists already')
      expect((await runCli(['init', '--yes', '--force'])).exitCode).toBe(0)
    } finally {
      process.chdir(before)
      await rm(folder, { recursive: true })
    }
  })

  test('a database that does not answer is no reason to write nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'simplyload-test-'))
    try {
      const config = join(folder, 'other.yaml')
      const refuse = { discover: () => Promise.reject(new Error('connection refused')) }
      const run = await runCli(['init', '--yes', '--url', 'postgres://x', '--config', config], { application: refuse })
      expect(run.exitCode).toBe(0)
      expect(run.stderr).toContain('connection refused')
      expect(parse(await readFile(config, 'utf8')).sources.shop.tables).toEqual(['public.*'])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('into Snowflake: what the file says is a valid configuration, and the key is named by a variable', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'simplyload-test-'))
    try {
      const config = join(folder, 'simplyload.yaml')
      const flags = ['--snowflake', 'https://myorg-shop.snowflakecomputing.com', '--private-key', 'keys/mine.p8']
      const run = await runCli(['init', '--yes', '--config', config, ...flags, '--database', 'my db'])
      expect(run.exitCode).toBe(0)
      expect(run.stdout).toContain('snowflake setup')
      expect(await readFile(join(folder, '.env.example'), 'utf8')).toContain(
        'SNOWFLAKE_PRIVATE_KEY_PATH=keys/mine.p8\n',
      )
      const { destination } = parse(await readFile(config, 'utf8'))
      expect(destination).toEqual({
        type: 'snowflake',
        account: 'myorg-shop',
        user: 'SIMPLYLOAD',
        database: '"my db"',
        private_key_path: '${SNOWFLAKE_PRIVATE_KEY_PATH}',
      })
      expect(snowflakeDestinationSchema.safeParse(destination).success).toBe(true)
      const again = ['init', '--yes', '--force', '--config', config]
      expect((await runCli([...again, '--snowflake', 'not an account'])).exitCode).toBe(2)
      expect((await runCli([...again, '--user', 'ME'])).exitCode).toBe(2)
      const both = await runCli([...again, '--destination', 'x.duckdb', '--database', 'X'])
      expect(both.stderr).toContain('--database belongs to Snowflake')
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
