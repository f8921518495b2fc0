import { expect, test } from 'vitest'
import { fileSets, filesSourceSchema } from './config.ts'

const SALES = { name: 'sales', path: 'data/sales_{yyyy}-{mm}.tsv.gz', columns: { id: 'bigint', day: 'date' } }

function setOf(extra: object) {
  const config = filesSourceSchema.parse({ type: 'files', tables: [{ ...SALES, ...extra }] })
  return fileSets('monthly', config)[0]
}

function problems(extra: object): string {
  const result = filesSourceSchema.safeParse({ type: 'files', tables: [{ ...SALES, ...extra }] })
  if (result.success) throw new Error('it should have been refused')
  return result.error.issues.map(({ path, message }) => `${path.slice(2).join('.')} ${message}`).join('; ')
}

test('a name, a path and columns are enough', () => {
  expect(setOf({})).toEqual({
    table: { source: 'monthly', namespace: 'files', name: 'sales' },
    path: SALES.path,
    format: {
      kind: 'delimited',
      delimiter: ',',
      quote: '"',
      escape: '"',
      encoding: 'utf-8',
      header: true,
      skipLines: 0,
      nullWords: [''],
      decimalSeparator: '.',
    },
    columns: [
      { id: 1, name: 'id', type: { kind: 'int64' }, sourceType: 'bigint', nullable: true, sensitive: false },
      { id: 2, name: 'day', type: { kind: 'date' }, sourceType: 'date', nullable: true, sensitive: false },
    ],
    key: [],
    write: 'append',
    sums: [],
    rules: [],
    badRows: {},
    badRowsFormat: 'tsv',
  })
})

test('what is said of a column becomes rules, besides those of the key and own ones', () => {
  const columns = {
    id: 'bigint',
    day: { type: 'date', format: '%d.%m.%Y', nullable: false, range: { min: '2020-01-01' } },
    amount: { type: 'decimal(12,2)', range: { min: 0, max: 1000.5 }, severity: 'WARNING', limit: { share: 0.01 } },
    code: { type: 'text', pattern: '[A-Z]+', values: ['A', 7], length: { max: 3 }, sensitive: true },
    region: { type: 'text', references: { file: 'regions.csv', column: 'code' } },
    paid: { type: 'date', nullable: false, severity: 'WARNING' },
  }
  const rules = [
    { name: 'positive', condition: 'amount > 0', severity: 'INFO', limit: { rows: 3 } },
    { name: 'orphans', query: 'SELECT * FROM file WHERE false' },
  ]
  const set = setOf({ columns, key: ['id'], date: 'day', rules, write: 'merge' })
  expect(set?.rules.map(({ name, severity, limit }) => [name, severity, limit])).toEqual([
    ['key_unique', 'CRITICAL', {}],
    ['id_not_null', 'CRITICAL', {}],
    ['day_not_null', 'CRITICAL', {}],
    ['day_range', 'CRITICAL', {}],
    ['amount_range', 'WARNING', { share: 0.01 }],
    ['code_pattern', 'CRITICAL', {}],
    ['code_length', 'CRITICAL', {}],
    ['code_values', 'CRITICAL', {}],
    ['region_references', 'CRITICAL', {}],
    ['paid_not_null', 'WARNING', {}],
    ['positive', 'INFO', { rows: 3 }],
    ['orphans', 'CRITICAL', {}],
  ])
  expect(set?.rules.map(({ question }) => question)).toContainEqual({
    kind: 'range',
    column: 'amount',
    min: '0',
    max: '1000.5',
  })
  expect(set?.rules.map(({ question }) => question)).toContainEqual({
    kind: 'values',
    column: 'code',
    values: ['A', '7'],
  })
  expect(set?.rules[0]?.question).toEqual({ kind: 'unique', columns: ['id'], across: 'file' })
  expect(set?.columns.map(({ nullable }) => nullable)).toEqual([false, false, true, true, true, true])
  expect(set?.columns[3]?.sensitive).toBe(true)
})

test('a format has a short and a long form', () => {
  expect(setOf({ format: 'tsv' })?.format).toMatchObject({ delimiter: '\t', quote: undefined, escape: undefined })
  expect(setOf({ format: 'parquet' })?.format).toEqual({ kind: 'parquet' })
  const long = {
    type: 'csv',
    delimiter: ';',
    quote: "'",
    escape: '\\',
    encoding: 'latin-1',
    header: false,
    skip_lines: 2,
    null: ['-'],
    decimal: ',',
  }
  expect(setOf({ format: long })?.format).toEqual({
    kind: 'delimited',
    delimiter: ';',
    quote: "'",
    escape: '\\',
    encoding: 'latin-1',
    header: false,
    skipLines: 2,
    nullWords: ['-'],
    decimalSeparator: ',',
  })
  expect(setOf({ format: { type: 'csv', quote: false } })?.format).toMatchObject({ quote: undefined, delimiter: ',' })
})

test.each([
  [{ path: 'sales_{yy}.csv' }, 'path must have in braces'],
  [{ date: 'dya' }, 'date must name one of the columns; did you mean day?'],
  [{ date: 'id' }, 'date must name a column of type date, timestamp, timestamptz; id is bigint'],
  [{ key: ['di'] }, 'key.0 must name one of the columns; did you mean id?'],
  [{ sums: ['day'] }, 'sums.0 must name a column of type'],
  [{ write: 'merge' }, 'key must be given with write: merge'],
  [{ write: 'replace' }, 'date must be given with write: replace'],
  [{ write: 'replace', date: 'day', path: 'a.csv' }, 'path must have {yyyy}'],
  [{ calendar: 'de' }, 'date must be given with a calendar'],
  [{ columns: { id: 'bigint', ID: 'text' } }, 'columns.ID must differ from id'],
  [{ columns: { 1: 'bigint' } }, 'columns.1 must not be a number'],
  [{ columns: { id: 'bigit' } }, 'columns.id must be bool'],
  [{ columns: { id: { type: 'date', format: '%Q' } } }, 'columns.id'],
  [{ columns: { id: { type: 'bigint', format: '%d' } } }, 'columns.id.format must be left out'],
  [{ columns: { id: { type: 'text', range: { min: 1 } } } }, 'columns.id.range must be left out'],
  [{ rows: {} }, 'rows must have min or max'],
  [{ rows: { min: 2, max: 1 } }, 'rows.max must not be less than min'],
  [{ format: { type: 'csv', encoding: 'cp1252' } }, 'format'],
  [{ format: { type: 'csv', delimiter: ';;' } }, 'format'],
  [{ format: { type: 'csv', delimiter: ';', quote: ';' } }, 'format.quote must differ'],
  [{ format: 'parquet', compression: 'gzip' }, 'compression must be left out'],
  [{ rules: [{ name: 'a', condition: 'x', query: 'y' }] }, 'rules.0 must have a condition or a query'],
  [
    {
      rules: [
        { name: 'a', condition: 'x' },
        { name: 'a', condition: 'y' },
      ],
    },
    'rules.1.name must not be that',
  ],
  [{ exclude: ['id'], key: ['id'] }, 'exclude.0 must not name "id"'],
])('%j is refused: %s', (extra, message) => {
  expect(problems(extra)).toContain(message)
})
