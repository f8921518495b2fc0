import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { discoveredTable, runCli } from '../../test/support/command-line.ts'

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
})
