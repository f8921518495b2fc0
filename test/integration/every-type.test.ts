/**
 * Every type with the values at its edges, three ways into DuckDB: through a snapshot, through the stream in binary form,
 * and through the stream in text form, which a type without a known binary form brings about. All three must agree with
 * each other and with what SQL says, or have the value in quarantine.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { POSTGRES_VERSION } from '../support/postgres.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

interface TypeCase {
  readonly type: string
  /** On the destination. */
  readonly copied: string
  /** SQL literals or expressions. */
  readonly values: readonly string[]
  /** Of these the destination has none: NULL, and an entry in quarantine. */
  readonly quarantined?: readonly string[]
  /** Version of PostgreSQL that knows it first. */
  readonly since?: number
  /** How the two sides are brought to one form; `text` where nothing is said. */
  readonly form?: keyof typeof FORMS
}

/** [expression on Postgres, expression on DuckDB], `$` for the column. */
const FORMS = {
  text: [`format('%s', $)`, 'CAST($ AS VARCHAR)'],
  bool: ['$::text', 'CAST($ AS VARCHAR)'],
  hex: [`encode($, 'hex')`, 'lower(hex($))'],
  float: [`format('%s', $)`, 'CAST($ AS VARCHAR)'],
  day: [
    `CASE WHEN isfinite($) THEN ($ - '1970-01-01'::date)::text ELSE format('%s', $) END`,
    `CASE WHEN isfinite($) THEN date_diff('day', DATE '1970-01-01', $)::VARCHAR ELSE CAST($ AS VARCHAR) END`,
  ],
  instant: [
    `CASE WHEN isfinite($) THEN (extract(epoch from $) * 1000000)::numeric(30,0)::text ELSE format('%s', $) END`,
    `CASE WHEN isfinite($) THEN epoch_us($)::VARCHAR ELSE CAST($ AS VARCHAR) END`,
  ],
  // DuckDB leaves out the zero before the point where the type has no digits there.
  fraction: [`format('%s', $)`, `regexp_replace(CAST($ AS VARCHAR), '^(-?)\\.', '\\10.')`],
  json: ['to_json($)::text', 'CAST($ AS VARCHAR)'],
} as const

const TEXTS = [
  `''`,
  `' '`,
  `'é e\u0301 😀 你好'`,
  `E'\\t\\n\\r\\\\'`,
  `'NULL'`,
  `repeat('x', 100000)`,
  `chr(1) || chr(127)`,
]

const ALL_CASES: readonly TypeCase[] = [
  { type: 'boolean', copied: 'BOOLEAN', values: ['true', 'false'], form: 'bool' },
  { type: 'smallint', copied: 'SMALLINT', values: ['0', '-32768', '32767'] },
  { type: 'integer', copied: 'INTEGER', values: ['0', '-2147483648', '2147483647'] },
  {
    type: 'bigint',
    copied: 'BIGINT',
    values: ['0', '-9223372036854775808', '9223372036854775807', '9007199254740993'],
  },
  {
    type: 'real',
    copied: 'FLOAT',
    values: [`'NaN'`, `'Infinity'`, `'-Infinity'`, `'-0'`, `'0.1'`, `'1e-45'`, `'3.4028235e38'`],
    form: 'float',
  },
  {
    type: 'double precision',
    copied: 'DOUBLE',
    values: [`'NaN'`, `'Infinity'`, `'-Infinity'`, `'-0'`, `'0.1'`, `'5e-324'`, `'1.7976931348623157e308'`],
    form: 'float',
  },
  {
    type: 'numeric(10,2)',
    copied: 'DECIMAL(10,2)',
    values: ['0', '-99999999.99', '99999999.99', '0.01', `'NaN'`],
    quarantined: [`'NaN'`],
  },
  {
    type: 'numeric(18,18)',
    copied: 'DECIMAL(18,18)',
    form: 'fraction',
    values: ['0', `'-0.999999999999999999'`, `'0.000000000000000001'`],
  },
  {
    type: 'numeric(38,10)',
    copied: 'DECIMAL(38,10)',
    values: [`'9999999999999999999999999999.9999999999'`, `'-9999999999999999999999999999.9999999999'`, `'NaN'`, '1.5'],
    quarantined: [`'NaN'`],
  },
  {
    type: 'numeric(38,38)',
    copied: 'DECIMAL(38,38)',
    form: 'fraction',
    values: [`'0.${'9'.repeat(38)}'`, `'-0.${'0'.repeat(37)}1'`],
  },
  {
    type: 'numeric(5,7)',
    since: 15,
    copied: 'DECIMAL(7,7)',
    form: 'fraction',
    values: [`'0.0012345'`, `'-0.0099999'`],
  },
  { type: 'numeric(3,-2)', since: 15, copied: 'DECIMAL(5,0)', values: ['99900', '-100', '0'] },
  { type: 'numeric(60,5)', copied: 'VARCHAR', values: [`'${'9'.repeat(55)}.12345'`, `'NaN'`, `'-0.00001'`] },
  {
    type: 'numeric',
    copied: 'VARCHAR',
    values: [
      `'${'9'.repeat(1000)}'`,
      `'-0.${'0'.repeat(999)}1'`,
      `'1.000'`,
      `'0'`,
      `'NaN'`,
      `'Infinity'`,
      `'-Infinity'`,
      `'1e30'`,
    ],
  },
  { type: 'text', copied: 'VARCHAR', values: TEXTS },
  { type: 'varchar(100000)', copied: 'VARCHAR', values: TEXTS },
  { type: 'char(5)', copied: 'VARCHAR', values: [`''`, `'ab'`, `'abcde'`] },
  { type: '"char"', copied: 'VARCHAR', values: [`'a'`] },
  { type: 'name', copied: 'VARCHAR', values: [`'pg_class'`] },
  { type: 'citext', copied: 'VARCHAR', values: [`'MiXed'`] },
  { type: 'mood', copied: 'VARCHAR', values: [`'so "so"'`, `'ok'`] },
  { type: 'inet', copied: 'VARCHAR', values: [`'192.168.0.1/24'`, `'::1'`, `'2001:db8::ffff:0:1/64'`, `'10.0.0.1'`] },
  { type: 'cidr', copied: 'VARCHAR', values: [`'10.0.0.0/8'`, `'2001:db8::/32'`] },
  { type: 'macaddr', copied: 'VARCHAR', values: [`'08:00:2b:01:02:03'`] },
  { type: 'macaddr8', copied: 'VARCHAR', values: [`'08:00:2b:01:02:03:04:05'`] },
  { type: 'bit(3)', copied: 'VARCHAR', values: [`B'101'`] },
  { type: 'bit varying', copied: 'VARCHAR', values: [`B''`, `B'1010101010101'`] },
  { type: 'int4range', copied: 'VARCHAR', values: [`'empty'`, `'[1,5)'`, `'(,)'`, `'(,7)'`] },
  { type: 'numrange', copied: 'VARCHAR', values: [`'(1.50,2]'`] },
  { type: 'tstzrange', copied: 'VARCHAR', values: [`'["2024-01-01 00:00:00+00",infinity)'`] },
  { type: 'int8multirange', copied: 'VARCHAR', values: [`'{}'`, `'{[1,3),[7,9)}'`] },
  { type: 'tsvector', copied: 'VARCHAR', values: [`to_tsvector('english', 'fat cats ate it''s rats')`] },
  { type: 'tsquery', copied: 'VARCHAR', values: [`'fat & (rat | !cat)'::tsquery`] },
  {
    type: 'interval',
    copied: 'VARCHAR',
    values: [`'1 year 2 mons -3 days 04:05:06.000007'`, `'0'`, `'-00:00:00.5'`, `'178000000 years'`],
  },
  { type: 'interval day', since: 17, copied: 'VARCHAR', values: [`'infinity'`, `'-infinity'`, `'3 days'`] },
  { type: 'timetz', copied: 'VARCHAR', values: [`'24:00:00-15:59'`, `'00:00:00.000001+00'`, `'12:34:56+05:45'`] },
  { type: 'money', copied: 'VARCHAR', values: [`'-92233720368547758.08'`, `'12.34'`] },
  { type: 'point', copied: 'VARCHAR', values: [`'(1.5,-2)'`] },
  { type: 'box', copied: 'VARCHAR', values: [`'(1,2),(0,0)'`] },
  { type: 'path', copied: 'VARCHAR', values: [`'((0,0),(1,1))'`, `'[(0,0),(1,1)]'`] },
  { type: 'pg_lsn', copied: 'VARCHAR', values: [`'16/B374D848'`] },
  { type: 'oid', copied: 'BIGINT', values: ['4294967295'] },
  { type: 'xid8', copied: 'VARCHAR', values: [`'18446744073709551615'`] },
  { type: 'jsonpath', copied: 'VARCHAR', values: [`'$.a[*] ? (@ > 1)'`] },
  { type: 'regclass', copied: 'VARCHAR', values: [`'pg_class'`] },
  { type: 'bytea', copied: 'BLOB', values: [`''`, `'\\x00ff'`, `decode(repeat('00ff', 40000), 'hex')`], form: 'hex' },
  {
    type: 'date',
    copied: 'DATE',
    values: [
      `'4713-01-01 BC'`,
      `'0001-01-01'`,
      `'1970-01-01'`,
      `'9999-12-31'`,
      `'5874897-12-31'`,
      `'infinity'`,
      `'-infinity'`,
    ],
    quarantined: [`'infinity'`, `'-infinity'`],
    form: 'day',
  },
  { type: 'time', copied: 'TIME', values: [`'00:00:00'`, `'24:00:00'`, `'23:59:59.999999'`, `'12:00:00.5'`] },
  {
    type: 'timestamp',
    copied: 'TIMESTAMP',
    values: [
      `'4713-01-01 00:00:00 BC'`,
      `'1969-12-31 23:59:59.999999'`,
      `'294246-12-31 23:59:59.999999'`,
      `'294276-12-31 23:59:59.999999'`,
      `'infinity'`,
      `'-infinity'`,
    ],
    quarantined: [`'294276-12-31 23:59:59.999999'`, `'infinity'`, `'-infinity'`],
    form: 'instant',
  },
  {
    type: 'timestamptz',
    copied: 'TIMESTAMP WITH TIME ZONE',
    values: [
      `'4713-01-01 00:00:00+00 BC'`,
      `'1969-12-31 23:59:59.999999+00'`,
      `'2024-03-31 02:30:00+02'`,
      `'294276-12-31 23:59:59.999999+00'`,
      `'infinity'`,
      `'-infinity'`,
    ],
    quarantined: [`'294276-12-31 23:59:59.999999+00'`, `'infinity'`, `'-infinity'`],
    form: 'instant',
  },
  {
    type: 'uuid',
    copied: 'UUID',
    values: [
      `'00000000-0000-0000-0000-000000000000'`,
      `'ffffffff-ffff-ffff-ffff-ffffffffffff'`,
      `'8a6e0804-2bd0-4672-b79d-d97027f9071a'`,
    ],
  },
  {
    type: 'json',
    copied: 'JSON',
    values: [
      `'{"a" : 1, "a":2,  "b":[null]}'`,
      `'1e400'`,
      `'"\\u00e9 \\ud83d\\ude00"'`,
      `'"\\ud800"'`,
      `'123456789012345678901234567890.5'`,
      `' [ ] '`,
    ],
    quarantined: [`'"\\ud800"'`],
  },
  {
    type: 'jsonb',
    copied: 'JSON',
    values: [
      `'{"b":1,"a":{"c":[1,2.50,null,"x"]}}'`,
      `'"\\u0001"'`,
      `'[]'`,
      `'null'`,
      `'123456789012345678901234567890.5'`,
    ],
  },
  { type: 'int[]', copied: 'JSON', values: [`'{}'`, `'{1,NULL,-3}'`, `'{{1,2},{3,4}}'`], form: 'json' },
  { type: 'bigint[]', copied: 'JSON', values: [`'{9223372036854775807}'`], form: 'json' },
  {
    type: 'text[]',
    copied: 'JSON',
    values: [
      `'{}'`,
      `ARRAY['', NULL, 'NULL', 'a"b', E'c\\\\d', 'e,f', '{}', E'g\\n']`,
      `ARRAY[ARRAY['x'],ARRAY[NULL]]`,
    ],
    form: 'json',
  },
  { type: 'boolean[]', copied: 'JSON', values: [`'{t,f,NULL}'`], form: 'json' },
  { type: 'numeric(10,2)[]', copied: 'JSON', values: [`'{1.50,NaN,NULL}'`], form: 'json' },
  { type: 'float8[]', copied: 'JSON', values: [`'{NaN,Infinity,0.1,-1e300}'`], form: 'json' },
  { type: 'uuid[]', copied: 'JSON', values: [`'{8a6e0804-2bd0-4672-b79d-d97027f9071a}'`], form: 'json' },
  { type: 'jsonb[]', copied: 'JSON', values: [`ARRAY['{"a":[1]}','null',NULL]::jsonb[]`], form: 'json' },
  { type: 'pair', copied: 'JSON', values: [`ROW(1, 'x "y"')`, `ROW(NULL, NULL)`], form: 'json' },
  { type: 'pair[]', copied: 'JSON', values: [`ARRAY[ROW(1, 'x')::pair, NULL]`], form: 'json' },
  { type: 'hstore', copied: 'JSON', values: [`'a=>1, b=>NULL, "c d"=>"\\"e\\""'`, `''`], form: 'json' },
  { type: 'positive', copied: 'INTEGER', values: ['5'] },
  { type: 'short_text', copied: 'VARCHAR', values: [`'short'`] },
]

const CASES = ALL_CASES.filter(({ since = 0 }) => since <= POSTGRES_VERSION)

const SETUP = `
  CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION ltree;
  CREATE TYPE mood AS ENUM ('ok', 'so "so"');
  CREATE TYPE pair AS (n int, t text);
  CREATE DOMAIN positive AS int CHECK (VALUE > 0);
  CREATE DOMAIN short_text AS text CHECK (length(VALUE) < 10)`

const TABLES = ['by_snapshot', 'by_stream', 'by_text_stream'] as const
const ROWS = Math.max(...CASES.map(({ values }) => values.length))
/** 64 MiB, once: it takes long, and the version of the server does not matter to it. */
const HUGE = `repeat('0123456789abcdef', ${POSTGRES_VERSION >= 18 ? 4 * 1024 * 1024 : 4096})`

function column(index: number): string {
  return `c${index}`
}

function fill(table: string): string {
  const rows = Array.from({ length: ROWS + 1 }, (_, row) => {
    const values = CASES.map(({ type, values: all }) => (all[row] === undefined ? 'NULL' : `(${all[row]})::${type}`))
    return `(${[row, ...values].join(', ')})`
  })
  return `INSERT INTO ${table} VALUES ${rows.join(',\n')}`
}

let fixture: SyncFixture

beforeAll(async () => {
  const columns = CASES.map(({ type }, index) => `${column(index)} ${type}`).join(', ')
  fixture = await SyncFixture.create({
    sql: [
      SETUP,
      ...TABLES.map(
        (table) =>
          `CREATE TABLE ${table} (id int PRIMARY KEY, ${columns}, doubled int GENERATED ALWAYS AS (id * 2) STORED)`,
      ),
      'CREATE TABLE unknown_binary (id int PRIMARY KEY, path ltree)',
      `CREATE TABLE huge (id int PRIMARY KEY, v text); INSERT INTO huge SELECT 1, ${HUGE}`,
      fill('by_snapshot'),
    ].join(';\n'),
    tables: [...TABLES, 'unknown_binary', 'huge'].map((table) => `public.${table}`),
  })
  await fixture.once()
  await fixture.sql(`${fill('by_stream')}; INSERT INTO huge SELECT 2, ${HUGE} || 'y'`)
  await fixture.once()
  await fixture.sql(
    `INSERT INTO unknown_binary VALUES (1, 'a.b'); ${fill('by_text_stream')}; UPDATE unknown_binary SET path = 'c.d'`,
  )
  await fixture.once()
})
afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
})

test.each(CASES.map((type, index) => [type.type, type, index] as const))(
  '%s',
  async (_name, { values, copied, form = 'text', quarantined = [] }, index) => {
    const [sourceForm, copiedForm] = FORMS[form].map((text) => text.replaceAll('$', column(index)))
    const said = await fixture.sql(
      `SELECT id, CASE WHEN ${column(index)} IS NOT DISTINCT FROM NULL THEN NULL ELSE ${sourceForm} END AS v FROM by_snapshot ORDER BY id`,
    )
    for (const table of TABLES) {
      const [type] = await fixture.copied(
        `SELECT column_type FROM (DESCRIBE copy.${table}) WHERE column_name = '${column(index)}'`,
      )
      expect(type).toEqual([copied])
      const rows = await fixture.copied(`SELECT id::VARCHAR, ${copiedForm} FROM copy.${table} ORDER BY id`)
      expect(rows).toHaveLength(ROWS + 1)
      const expected = said.map((row, at) => {
        const isQuarantined = quarantined.includes(values[at] ?? '')
        return [String(row.id), isQuarantined ? null : oneForm(row.v as string | null, form)]
      })
      expect(rows.map(([id, text]) => [id, oneForm(text ?? null, form)])).toEqual(expected)
      const entries = await fixture.copied(
        `SELECT key FROM _simplyload.quarantine WHERE table_name = '${table}' AND column_name = '${column(index)}' ORDER BY key`,
      )
      const wanted = values.flatMap((value, at) => (quarantined.includes(value) ? [`["${at}"]`] : []))
      expect(entries.map(([key]) => key)).toEqual(wanted)
    }
  },
)

test('text of 64 MiB', async () => {
  const rows = await fixture.copied('SELECT id::VARCHAR, length(v)::VARCHAR, md5(v) FROM copy.huge ORDER BY id')
  const said = await fixture.sql('SELECT id::text, length(v)::text AS length, md5(v) AS md5 FROM huge ORDER BY id')
  expect(rows).toEqual(said.map(({ id, length, md5 }) => [id, length, md5]))
})

test('generated columns, and a type whose binary form is not known', async () => {
  for (const table of POSTGRES_VERSION >= 18 ? TABLES : []) {
    expect(await fixture.copied(`SELECT count(*)::VARCHAR FROM copy.${table} WHERE doubled = id * 2`)).toEqual([
      [String(ROWS + 1)],
    ])
  }
  expect(await fixture.copied('SELECT path FROM copy.unknown_binary')).toEqual([['c.d']])
})

function oneForm(text: string | null, form: TypeCase['form']): string | null {
  if (text === null) return null
  if (form === 'float') {
    const number = Number(text.replace(/^(-?)inf$/, '$1Infinity').replace(/^-?nan$/, 'NaN'))
    return String(number)
  }
  return form === 'json' ? JSON.stringify(JSON.parse(text)) : text
}
