import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { loadSample, refusal, SAMPLE, SAMPLE_SCHEMA } from '../../test/support/config-sample.ts'
import { loadConfig, parseConfig } from './load.ts'

it('a short file gets the defaults of everything else, with their units', async () => {
  const { config } = await loadSample(SAMPLE)
  expect(config).toEqual({
    version: 1,
    sources: {
      shop: {
        type: 'wells',
        url: 'http://well',
        mode: 'auto',
        tables: [{ name: 'public.orders', hard_delete: false, exclude: [] }],
      },
    },
    destination: { type: 'tank', path: 'tank.file', filled: false },
    stage: { type: 'pipe', path: 'pipe' },
    state: { type: 'gauge', path: 'gauge' },
    sync: {
      intervalMs: 10_000,
      freshnessMs: undefined,
      batchRowsMax: 100_000,
      batchBytesMax: 67_108_864,
      parallelism: 4,
      memoryBytesMax: 536_870_912,
    },
    naming: { namespace: '{source}_{namespace}', name: '{table}' },
    columns: { synced: '_fivetran_synced', deleted: '_fivetran_deleted' },
    calendars: {},
    reports: { email: undefined },
    customer: 'default',
  })
})

it('a key with nothing behind it is as if it were not there', async () => {
  const { config } = await loadSample(`${SAMPLE}sync:\n  # interval: 5s\nstage:\n`)
  expect(config.sync.intervalMs).toBe(10_000)
})

it('what is loaded cannot be changed, on any level', async () => {
  const { config } = await loadSample(SAMPLE)
  const { shop } = config.sources
  const tables = shop?.type === 'wells' ? shop.tables : []
  const levels = [config, config.sources, shop, tables, tables[0], config.sync, config.naming]
  expect(levels.every((level) => Object.isFrozen(level))).toBe(true)
})

it('the command line wins over the environment, the environment over .env, and .env over the file', async () => {
  const text = `${SAMPLE}sync: { interval: 1s, parallelism: 1, memory: 100MiB, batch: { rows: 1 } }\n`
  const all = {
    dotEnv: 'SIMPLYLOAD_SYNC__INTERVAL=2s\nSIMPLYLOAD_SYNC__PARALLELISM=2\nSIMPLYLOAD_SYNC__MEMORY=200MiB\n',
    environment: { SIMPLYLOAD_SYNC__INTERVAL: '3s', SIMPLYLOAD_SYNC__PARALLELISM: '3' },
    settings: ['sync.interval=3s', 'sync.interval=4s'],
  }
  const { config } = await loadSample(text, all)
  expect(config.sync).toMatchObject({ intervalMs: 4000, parallelism: 3, memoryBytesMax: 200 << 20, batchRowsMax: 1 })
})

it('variables stand in texts, with defaults, and take their values from the environment before .env', async () => {
  const text = `version: 1
sources:
  shop:
    type: wells
    url: http://\${USER_NAME}:\${PASSWORD}@\${HOST:-localhost}/\${EMPTY:-x}\${UNSET:-}
    password: "$\${NOT_A_VARIABLE}"
    depth: \${DEPTH}
    tables: ["\${SCHEMA}.orders"]
destination: { type: tank, path: "\${TANK}" }
`
  const { config } = await loadSample(text, {
    dotEnv: 'USER_NAME=from-file\nPASSWORD="with # and = signs"\nDEPTH=\'7\'\n# SCHEMA=no\n',
    environment: { USER_NAME: 'me', SCHEMA: 'public', TANK: 'a: b', EMPTY: '', DEPTH: undefined },
  })
  expect(config.sources.shop).toMatchObject({
    url: 'http://me:with # and = signs@localhost/x',
    password: '${NOT_A_VARIABLE}',
    depth: 7,
    tables: [{ name: 'public.orders' }],
  })
  expect(config.destination).toMatchObject({ path: 'a: b' })
})

it.each([
  ['SIMPLYLOAD_DESTINATION__PATH', 'x', 'destination.path', 'x'],
  ['simplyload_destination__path', 'x', 'destination.path', 'x'],
  ['SIMPLYLOAD_SOURCES__SHOP__PASSWORD', '0123', 'sources.shop.password', '0123'],
  ['SIMPLYLOAD_SOURCES__SHOP__PASSWORD', 'true', 'sources.shop.password', 'true'],
  ['SIMPLYLOAD_SOURCES__SHOP__DEPTH', '12', 'sources.shop.depth', 12],
  ['SIMPLYLOAD_SOURCES__SHOP__TABLES', '[a.b, { name: c.d }]', 'sources.shop.tables.1.name', 'c.d'],
  ['SIMPLYLOAD_SOURCES__SHOP__TABLES__1', 'x.y', 'sources.shop.tables.1.name', 'x.y'],
  ['SIMPLYLOAD_SOURCES__SHOP__TABLES__1__HARD_DELETE', 'true', undefined, undefined],
  ['SIMPLYLOAD_SOURCES__SHOP__LIDS__BIG', 'true', 'sources.shop.lids.big', true],
  ['SIMPLYLOAD_SOURCES__NEW_ONE', '{ type: rivers, width: 2.5 }', 'sources.new_one.width', 2.5],
  ['SIMPLYLOAD_SYNC__BATCH__BYTES', '1048576', 'sync.batchBytesMax', 1_048_576],
  ['SIMPLYLOAD_CUSTOMER', 'acme', 'customer', 'acme'],
])('the variable %s=%s sets %s', async (name, value, path, expected) => {
  const loading = loadSample(SAMPLE, { environment: { [name]: value } })
  if (path === undefined) return await expect(loading).rejects.toThrow('sources.shop.tables[1].name: is missing')
  expect(at((await loading).config, path)).toBe(expected)
})

it('names of sources with underscores, even double ones, are told apart', async () => {
  const text = SAMPLE.replace(
    '  shop:',
    '  a:\n    type: rivers\n    width: 1\n  a__b:\n    type: rivers\n    width: 2\n  a_b:',
  )
  const environment = {
    SIMPLYLOAD_SOURCES__A__WIDTH: '10',
    SIMPLYLOAD_SOURCES__A__B__WIDTH: '20',
    SIMPLYLOAD_SOURCES__A_B__URL: 'http://other',
  }
  const { config } = await loadSample(text, { environment })
  expect(config.sources).toMatchObject({ a: { width: 10 }, a__b: { width: 20 }, a_b: { url: 'http://other' } })
})

it('variables of other meaning are left alone', async () => {
  const environment = {
    SIMPLYLOAD_VERSION: '0.3.1',
    SIMPLYLOAD_LOG: 'x',
    SIMPLYLOAD_SHOP__URL: 'http://x',
    SIMPLYLOADS: 'x',
  }
  const { config } = await loadSample(SAMPLE.replace('http://well', '${SIMPLYLOAD_SHOP__URL}'), { environment })
  expect(config).toMatchObject({ version: 1, sources: { shop: { url: 'http://x' } } })
})

it('a misspelt variable is an error that names the nearest key', async () => {
  const environment = { SIMPLYLOAD_DESTINATION__PAHT: 'x', SIMPLYLOAD_SOURCES__SHOP__TABEL: 'x' }
  expect((await refusal(SAMPLE, { environment })).message.split('\n')).toEqual([
    'environment variable SIMPLYLOAD_DESTINATION__PAHT: destination: unknown key paht, did you mean path?',
    'environment variable SIMPLYLOAD_SOURCES__SHOP__TABEL: sources.shop: unknown key tabel, did you mean tables?',
  ])
})

it.each([
  ['sync.intervall=1s', '--set sync.intervall: sync: unknown key intervall, did you mean interval?'],
  [
    'sync.interval=soon',
    '--set sync.interval: sync.interval: must be a duration such as 200ms, 10s, 5m, 1h or 7d (found "soon")',
  ],
  ['customer.name=x', '--set customer.name: customer: must be text (found a mapping)'],
  [
    'destination.path.x=y',
    '--set destination.path.x: destination.path.x: cannot be set, as the file has something there that has no keys',
  ],
  ['sync', '--set sync: must look like sync.interval=1s'],
  ['.=1', '--set .: must look like sync.interval=1s'],
])('the argument %s is refused with its own name', async (setting, line) => {
  expect((await refusal(SAMPLE, { settings: [setting] })).message).toBe(line)
})

it('keys that a message names can be set', async () => {
  const settings = ['sources.shop.tables.0.hard_delete=true', 'sources.shop.tables.0.name=a.b', 'destination.path=a=b']
  const text = SAMPLE.replace('[public.orders]', '\n      - { name: public.orders }')
  const { config } = await loadSample(text, { settings })
  expect(config).toMatchObject({
    sources: { shop: { tables: [{ name: 'a.b', hard_delete: true }] } },
    destination: { path: 'a=b' },
  })
})

it('aliases and anchors are values like others', async () => {
  const text = SAMPLE.replace(
    'tables: [public.orders]',
    'tables: &all [a.b]\n  crm:\n    type: wells\n    url: x\n    tables: *all',
  )
  const { config } = await loadSample(text)
  expect(config.sources.crm).toMatchObject({ tables: [{ name: 'a.b' }] })
})

it('the folder of the file is where its relative paths start', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'simplyload-config-'))
  try {
    const file = join(folder, 'nowhere.yaml')
    const loading = loadConfig(SAMPLE_SCHEMA, { file, environment: {}, settings: [] })
    await expect(loading).rejects.toMatchObject({
      code: 'config_invalid',
      message: `Reading ${file}`,
      cause: { message: 'there is no such file' },
      hint: expect.stringContaining('simplyload init'),
    })
    const loadingFolder = loadConfig(SAMPLE_SCHEMA, { file: folder, environment: {}, settings: [] })
    await expect(loadingFolder).rejects.toMatchObject({ code: 'config_invalid', context: { file: folder } })
  } finally {
    rmSync(folder, { recursive: true })
  }
  expect((await loadSample(SAMPLE)).folder).toMatch(/simplyload-config-\w+$/)
})

const GIVEN = { name: 'defineConfig', folder: tmpdir(), environment: { WIDTH: '7' }, settings: ['sync.interval=2s'] }

it('a configuration written in TypeScript is checked in the same way', async () => {
  const good = {
    version: 1,
    sources: { shop: { type: 'rivers', width: 3 } },
    destination: { type: 'tank', path: 'x' },
    sync: { interval: '1s' },
  } as const
  expect(await parseConfig(SAMPLE_SCHEMA, good, GIVEN)).toMatchObject({ sync: { intervalMs: 2000 } })
  const fromVariable = { ...good, sources: { shop: { type: 'rivers', width: '${WIDTH}' } } } as unknown as typeof good
  expect(await parseConfig(SAMPLE_SCHEMA, fromVariable, GIVEN)).toMatchObject({ sources: { shop: { width: 7 } } })
  const bad = { ...good, destination: { type: 'tank', paht: 'x' } } as unknown as typeof good
  await expect(parseConfig(SAMPLE_SCHEMA, bad, GIVEN)).rejects.toMatchObject({
    code: 'config_invalid',
    message: 'Reading defineConfig',
    cause: {
      message:
        'defineConfig: destination.path: is missing; it must be text\ndefineConfig: destination: unknown key paht, did you mean path?',
    },
  })
})

/** What modules here may not say themselves. */
const EXPORT = ['export', 'default'].join(' ')

it('a module is read where it stands for the file, anew where it has changed, and its values are not shown', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'simplyload-config-'))
  const file = join(folder, 'simplyload.config.ts')
  const load = () => loadConfig(SAMPLE_SCHEMA, { file, environment: {}, settings: [] })
  const write = (text: string) => writeFileSync(file, text)
  const config = `{ version: 1, sources: { shop: { type: 'rivers', width: 3, url: undefined } }, destination: { type: 'tank', path: 'x' } }`
  try {
    write(`interface Unused { a: string }\n${EXPORT} ${config}`)
    expect(await load()).toMatchObject({ folder, config: { sources: { shop: { width: 3 } } } })
    write(`${EXPORT} ${config.replace('width: 3', "width: 'hunter2'")} // changed`)
    await expect(load()).rejects.toMatchObject({
      code: 'config_invalid',
      cause: {
        message: expect.stringMatching(/simplyload.config.ts: sources.shop.width: must be.*a value that is not shown/),
      },
    })
    write(`export const config = ${config}`)
    await expect(load()).rejects.toMatchObject({ cause: { message: 'it has no default export' } })
    write(`import { nothing } from 'a-package-that-is-not-there'\n${EXPORT} nothing // again`)
    await expect(load()).rejects.toMatchObject({ code: 'config_invalid' })
    rmSync(file)
    await expect(load()).rejects.toMatchObject({ cause: { message: 'there is no such file' } })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

function at(value: unknown, path: string): unknown {
  return path.split('.').reduce((current, key) => (current as Record<string, unknown>)[key], value)
}
