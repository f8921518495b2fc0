import { expect, test } from 'vitest'
import { z } from 'zod'
import { type PostgresSourceConfig, postgresSourceSchema } from './config.ts'
import { replicationNames } from './replication-names.ts'

const MINIMAL = { type: 'postgres', url: 'postgres://u:S3cr3t@h/d', tables: ['public.orders'] }

const TABLE = {
  exclude: [],
  types: {},
  write: 'merge',
  hard_delete: false,
  schema_changes: 'evolve',
  null_cursor: 'include',
  on_transform_error: 'stop',
}

function parse(extra: object): PostgresSourceConfig {
  return postgresSourceSchema.parse({ ...MINIMAL, ...extra })
}

function problems(extra: object): string {
  const result = postgresSourceSchema.safeParse({ ...MINIMAL, ...extra })
  return result.success ? expect.unreachable('it should have been refused') : JSON.stringify(result.error.issues)
}

test('what is not said has a default', () => {
  expect(parse({})).toEqual({
    ...MINIMAL,
    mode: 'auto',
    failover: false,
    statement_timeout: 300_000,
    slot_timeout: 60_000,
    snapshot: {},
    tables: [{ name: 'public.orders', ...TABLE }],
  })
})

test('a table has a short and a long form, and they may be mixed', () => {
  const long = {
    name: '"My Schema"."T.1"',
    target: 'a.b',
    exclude: ['x'],
    types: { n: 'decimal(38,9)', t: 'text' },
    hard_delete: true,
    schema_changes: 'freeze',
    key: ['a', 'b'],
    transform: './transforms/t.ts#one',
    on_transform_error: 'continue',
    write: 'merge',
    null_cursor: 'error',
  }
  expect(parse({ tables: ['orders', long] }).tables).toEqual([
    { name: 'orders', ...TABLE },
    { ...long, types: { n: { kind: 'decimal', precision: 38, scale: 9 }, t: { kind: 'text' } } },
  ])
})

test('a table that is listed twice, however it is written, is refused where it stands again', () => {
  const tables = [
    'public.orders',
    'a.b',
    { name: '"public".orders', write: 'append' },
    'orders',
    'a.*',
    'a."*"',
    '"a".*',
  ]
  const result = postgresSourceSchema.safeParse({ ...MINIMAL, tables })
  expect(result.error?.issues.map(({ path, message }) => [path.join('.'), message])).toEqual([
    ['tables.2', 'must be left out: tables[0] is the same'],
    ['tables.3', 'must be left out: tables[0] is the same'],
    ['tables.6', 'must be left out: tables[4] is the same'],
  ])
})

test('TLS is a mode, or a mode with files', () => {
  expect(parse({ ssl: 'verify-full' }).ssl).toBe('verify-full')
  expect(parse({ ssl: { mode: 'verify-ca', rootcert: 'ca.pem' } }).ssl).toEqual({
    mode: 'verify-ca',
    rootcert: 'ca.pem',
  })
})

test('what cannot be meant is refused where it stands, without the password', () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ mode: 'trigger' }, 'mode'],
    [{ tables: [{ name: 'a.b', write: 'upsert' }] }, 'write'],
    [{ tables: [{ name: 'a.b', null_cursor: 'skip' }] }, 'null_cursor'],
    [{ tables: [] }, 'tables'],
    [{ tables: ['a.b.c'] }, 'schema.table'],
    [{ tables: [{ name: 'a.b', types: { x: 'decimal(39,0)' } }] }, 'decimal(precision,scale)'],
    [{ tables: [{ name: 'a.b', exlude: [] }] }, 'exlude'],
    [{ tables: [{ name: 'a.b', key: [] }] }, 'at least one column'],
    [{ tables: [{ name: 'a.b', key: ['x', 'x'] }] }, 'twice'],
    [{ tables: [{ name: 'a.b', key: ['x', 'y'], exclude: ['y'] }] }, 'which is in the key'],
    [{ tables: [{ name: 'a.b', transform: 'upper(name)' }] }, 'a SELECT over batch'],
    [{ tables: [{ name: 'a.b', transform: './orders' }] }, 'must name a module'],
    [{ slot: 'Upper' }, 'lower-case'],
    [{ ssl: 'on' }, 'ssl'],
    [{ connect_timeout: 15 }, 'connect_timeout'],
    [{ url: 'postgres://u:S3cr3t@h/d?sslmode=on' }, 'sslmode is unknown'],
    [{ url: undefined, host: 'h' }, 'no user is given'],
    [{ tabels: [] }, 'tabels'],
  ]
  for (const [extra, expected] of cases) {
    const found = problems(extra)
    expect(found).toContain(expected)
    expect(found).not.toContain('S3cr3t')
  }
})

test('slot and publications are named after the source, and differ where the sources differ', () => {
  const names = (source: string, extra: object = {}) => replicationNames(source, parse(extra))
  expect(names('shop')).toEqual({
    slot: 'simplyload_shop',
    publication: 'simplyload_shop',
    appendPublication: 'simplyload_shop_append',
  })
  const slots = ['a-b', 'a_b', 'A_b', 'a'.repeat(60), `${'a'.repeat(60)}b`].map((source) => names(source).slot)
  expect(new Set(slots).size).toBe(slots.length)
  for (const slot of slots) expect(slot).toMatch(/^[a-z0-9_]{1,63}$/)
  expect(names('shop', { slot: 's', publication: 'P' })).toEqual({
    slot: 's',
    publication: 'P',
    appendPublication: 'P_append',
  })
})

test('it has a JSON Schema that says what each key is for', () => {
  const schema = z.toJSONSchema(postgresSourceSchema, { io: 'input' }) as {
    properties: Record<string, { description?: string }>
  }
  expect(schema.properties.tables?.description).toBeTruthy()
  expect(Object.keys(schema.properties)).toContain('slot_timeout')
})
