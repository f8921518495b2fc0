import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { analyzeSelect } from './select-analysis.ts'

const NAMES = ['id', 'Name', 'price', 'big']
let instance: DuckDBInstance
beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:')
})
afterAll(() => instance.closeSync())

async function analyze(sql: string) {
  const connection = await instance.connect()
  const reader = await connection.runAndReadAll('SELECT json_serialize_sql($1::VARCHAR) AS parsed', [sql])
  connection.closeSync()
  const document = JSON.parse(String(reader.getRowObjectsJS()[0]?.parsed))
  return analyzeSelect(document.statements[0], NAMES)
}

const shown = (columns: Awaited<ReturnType<typeof analyze>>['columns']) =>
  columns?.map((column) => (column === undefined ? 'all' : [...column].sort().join(' ')))

test.each<[string, readonly string[] | undefined, string]>([
  ['SELECT * FROM batch', ['id', 'Name', 'price', 'big'], ''],
  ['FROM batch', ['id', 'Name', 'price', 'big'], ''],
  ['SELECT * EXCLUDE (big), upper(NAME) AS n FROM batch', ['id', 'Name', 'price', 'Name'], ''],
  ['SELECT * REPLACE (price * 2 AS price) FROM batch b', ['id', 'Name', 'price', 'big'], ''],
  ['SELECT * REPLACE (length(big) AS name) FROM batch b', ['id', 'big', 'price', 'big'], ''],
  ['SELECT id, b.name || price AS x, 1 AS one FROM batch b WHERE big IS NULL', ['id', 'Name price', ''], 'big'],
  ['SELECT id, CASE WHEN price > 1 THEN big ELSE name END FROM batch', ['id', 'Name big price'], ''],
  ['SELECT id, (SELECT max(x) FROM (VALUES (1)) v(x)) FROM batch', ['id', 'all'], ''],
  ['SELECT id, list_transform([1], x -> x + price) FROM batch', ['id', 'all'], ''],
  ['SELECT id, rank() OVER (ORDER BY price) FROM batch', ['id', 'all'], ''],
  ['SELECT id, hash(COLUMNS(*)) FROM batch', ['id', 'all'], ''],
  ["SELECT COLUMNS('i.*') FROM batch", undefined, 'all'],
  ['SELECT DISTINCT id FROM batch', undefined, 'all'],
  ['SELECT id FROM batch LIMIT 1', undefined, 'all'],
  ['SELECT id, count(*) FROM batch GROUP BY id', undefined, 'all'],
  ['WITH x AS (FROM batch) SELECT id FROM x', undefined, 'all'],
  ['SELECT id FROM batch JOIN batch c USING (id)', undefined, 'all'],
  ['SELECT id FROM (SELECT * FROM batch)', undefined, 'all'],
  ['SELECT id FROM batch UNION ALL SELECT id FROM batch', undefined, 'all'],
  ['SELECT id FROM main.batch', undefined, 'all'],
])('%s', async (sql, columns, filter) => {
  const found = await analyze(sql)
  expect(shown(found.columns)).toEqual(columns)
  expect(shown([found.filter])).toEqual([filter])
})

test('functions are found wherever they stand, and words that stand for functions', async () => {
  const { functions } = await analyze(
    'SELECT id, upper((SELECT random())::text), current_date FROM batch WHERE now() > x.y',
  )
  for (const name of ['random', 'current_date', 'now', 'upper']) expect(functions).toContain(name)
  expect(functions).not.toContain('id')
})
