/** The configuration with its real connectors: what is generated from it, and what it makes of whatever it is given. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { staleFiles } from '../scripts/generate-schema.ts'
import { editorSchema, inputSchema, type JsonSchema } from '../scripts/json-schema.ts'
import { loadConfig } from '../src/config/load.ts'
import { redact } from '../src/config/redact.ts'
import { CONFIG_SCHEMA, configuredFileSets } from '../src/connectors.ts'
import { isPipelineError } from '../src/core/errors.ts'
import { parseDay } from '../src/quality/calendar/civil-date.ts'
import { fiscalYear, NRF_YEAR } from '../src/quality/calendar/fiscal-year.ts'
import { openCalendar } from '../src/quality/calendar/open-calendar.ts'

const EXAMPLE = `# yaml-language-server: $schema=https://unpkg.com/simplyload/schema/simplyload.schema.json
version: 1
sources:
  shop:
    type: postgres
    url: \${SHOP_DATABASE_URL}
    mode: auto
    snapshot: { chunk_bytes: "\${CHUNK:-32MiB}" }
    tables:
      - public.customers
      - name: public.orders
        exclude: [internal_note]
        hard_delete: true
        schema_changes: freeze
        types: { amount: "decimal(38,9)" }
destination: { type: duckdb, path: warehouse.duckdb }
stage:       { type: local, path: .simplyload/stage, retention: 7d }
state:       { type: sqlite, path: .simplyload/state.db }
sync:        { interval: 10s, batch: { rows: 100000, bytes: 64MiB }, parallelism: 4, memory: 512MiB }
naming:      "{source}_{namespace}.{table}"
`

const folder = mkdtempSync(join(tmpdir(), 'simplyload-configuration-'))
afterAll(() => rmSync(folder, { recursive: true }))

function load(text: string, settings: readonly string[] = []) {
  const file = join(folder, 'simplyload.yaml')
  writeFileSync(file, text)
  const environment = { SHOP_DATABASE_URL: 'postgres://me:secret@localhost/shop' }
  return loadConfig(CONFIG_SCHEMA, { file, environment, settings })
}

test('the JSON Schema and the reference page are those of the present definitions (npm run generate)', () => {
  expect(staleFiles()).toEqual([])
})

test('the example of the documentation is valid, and prints without its secrets', async () => {
  const { config } = await load(EXAMPLE)
  expect(config.sync).toMatchObject({ intervalMs: 10_000, batchBytesMax: 64 << 20, memoryBytesMax: 512 << 20 })
  expect(config.stage).toEqual({ type: 'local', path: '.simplyload/stage', retentionMs: 604_800_000 })
  expect(JSON.stringify(config)).toContain('secret')
  expect(JSON.stringify(redact(config))).not.toContain('secret')
})

test('editors and the program agree about the example, about variables and about misspelt keys', () => {
  const editor = z.fromJSONSchema(editorSchema(inputSchema(CONFIG_SCHEMA)) as Parameters<typeof z.fromJSONSchema>[0])
  const accepts = (text: string) => editor.safeParse(parse(text)).success
  expect(accepts(EXAMPLE)).toBe(true)
  expect(accepts(EXAMPLE.replace('interval: 10s', 'interval: "${INTERVAL}"'))).toBe(true)
  expect(accepts(EXAMPLE.replace('mode: auto', 'mode: ${MODE}'))).toBe(true)
  expect(accepts(EXAMPLE.replace('interval', 'intervall'))).toBe(false)
  expect(accepts(EXAMPLE.replace('10s', '10 potatoes'))).toBe(false)
  expect(accepts(EXAMPLE.replace('mode: auto', 'mode: manual'))).toBe(false)
  expect(accepts(EXAMPLE.replace('type: duckdb', 'type: snowflake'))).toBe(false)
})

test('options that are not built yet are unknown keys, not ignored ones', async () => {
  await expect(load(EXAMPLE.replace('hard_delete: true', 'batch: 5'))).rejects.toMatchObject({
    cause: { message: expect.stringContaining('unknown key batch') },
  })
})

test('a table may be older than what is staged, never fresher', async () => {
  const { config } = await load(EXAMPLE.replace('hard_delete: true', 'freshness: 15m'))
  expect(config.sources.shop?.tables.map(({ freshness }) => freshness)).toContain(900_000)
  const tooFresh = EXAMPLE.replace('hard_delete: true', 'freshness: 5s').replace(
    'interval: 10s',
    'interval: 10s, freshness: 9s',
  )
  const message = expect.stringMatching(
    /tables\[\d\].freshness: must not be shorter than sync.interval[\s\S]*sync.freshness: must not be shorter than sync.interval/,
  )
  await expect(load(tooFresh)).rejects.toMatchObject({ cause: { message } })
})

/** Every key that takes a value, as `--set` names it. */
const keys = leafKeys(inputSchema(CONFIG_SCHEMA), '')

test('whatever text a key is given, the answer is a configuration or an error that names the key', async () => {
  expect(keys).toContain('destination.memory')
  expect(keys).toContain('sources.shop.tables.0.hard_delete')
  const value = fc.oneof(
    fc.constantFrom(
      '',
      '0',
      '-1',
      '1e400',
      'lots',
      'null',
      'true',
      '[]',
      '{}',
      '[a, {b: c}]',
      '99999999999999999999',
      '9007199254740993',
      '0.1ms',
      '1.5',
      'a: b: c',
      '*x',
      '${X',
      '1d',
      '1TiB',
      '\u0000',
    ),
    fc.string(),
  )
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...keys), value, async (key, text) => {
      try {
        await load(EXAMPLE.replace('- public.customers', '- { name: public.customers }'), [`${key}=${text}`])
      } catch (error) {
        expect(isPipelineError(error, 'config_invalid')).toBe(true)
        expect(String((error as Error).cause)).toContain(`--set ${key}`)
      }
    }),
    { numRuns: 500 },
  )
})

function leafKeys(schema: JsonSchema, prefix: string): readonly string[] {
  const alternatives = [schema, ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])]
  return alternatives.flatMap((each) => {
    const values = typeof each.additionalProperties === 'object' ? each.additionalProperties : undefined
    const named = Object.entries(each.properties ?? {}).flatMap(([key, child]) => leafKeys(child, `${prefix}${key}.`))
    const own = prefix === 'sources.' ? leafKeys(values ?? {}, 'sources.shop.') : []
    const items = each.items === undefined ? [] : leafKeys(each.items, `${prefix}0.`)
    const leaf = each === schema && schema.properties === undefined ? [prefix.slice(0, -1)] : []
    return [...named, ...own, ...items, ...leaf]
  })
}

const FILES = `version: 1
calendars:
  de: { country: DE, region: BY, closures: [2024-12-24, { day: 2024-12-31, name: Inventory }] }
  shop: { weekend: [], fiscal: { pattern: 4-5-4, end_month: 1, anchor: nearest, named_after: start } }
sources:
  monthly:
    type: files
    tables:
      - name: sales
        path: data/sales_{yyyy}-{mm}.tsv.gz
        format: tsv
        columns:
          id: bigint
          day: { type: date, format: "%d.%m.%Y" }
          amount: decimal(12,2)
        date: day
        key: [id]
        write: merge
        calendar: de
        sums: [amount]
        rules:
          - { name: positive, condition: "amount > 0", severity: WARNING, limit: { rows: 10 } }
destination: { type: duckdb, path: warehouse.duckdb }
`

test('a source of files has its sets and calendars, and mistakes are told with their place and what was meant', async () => {
  const { config } = await load(FILES)
  expect(configuredFileSets(config)).toMatchObject([
    { table: { source: 'monthly', namespace: 'files', name: 'sales' }, dateColumn: 'day', calendar: 'de' },
  ])
  // What the calendars open, by their own hands.
  const opened = await Promise.all(Object.values(config.calendars).map(({ request }) => openCalendar(request)))
  expect(opened[0]?.about(parseDay('2024-12-31') ?? 0)).toMatchObject({ kind: 'closure', name: 'Inventory' })
  expect(fiscalYear(config.calendars.shop?.fiscal ?? expect.unreachable(), 2023)).toEqual(fiscalYear(NRF_YEAR, 2023))
  for (const [wrong, message] of [
    [
      FILES.replace('calendar: de', 'calendar: ed'),
      'sources.monthly.tables[0].calendar: must be one of calendars; did you mean de?',
    ],
    [FILES.replace('calendar: de', 'calender: de'), 'did you mean calendar?'],
    [FILES.replace('12,2', '99,2'), 'columns.amount: must be bool'],
    [
      FILES.replace('format: tsv', 'format: { type: tsv, encoding: utf8 }'),
      'format.encoding: must be one of utf-8, utf-16, latin-1 (found "utf8"), did you mean utf-8?',
    ],
    [FILES.replace('2024-12-24', '2024-02-30'), 'closures[0]: must be a day'],
    [FILES.replace('country: DE, ', ''), 'calendars.de.region: must have a country'],
    [FILES.replace('date: day', 'date: daay'), 'did you mean day?'],
    [FILES.replace('{yyyy}-{mm}', '{yyyy}-{mmm}'), 'not {mmm}'],
  ]) {
    await expect(load(wrong ?? '')).rejects.toMatchObject({
      cause: { message: expect.stringContaining(message ?? '') },
    })
  }
})
