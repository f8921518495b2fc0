/**
 * Every shape of statement that the Snowflake destination sends, in `statements.sql`, where people review it: an example of
 * each, under what it was sent for. `npx vitest run test/snowflake-statements -u` writes it anew.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { setupStatements } from '../../src/destinations/snowflake/setup.ts'
import { NOT_KNOWN, refusedByParser } from './parsed-statements.ts'
import { openRecorded, type RecordedDestination } from './recorded-destination.ts'
import { SCENARIOS } from './scenarios.ts'

/** Shape → example, by title of the scenario that sent it first. */
const examples = new Map<string, Map<string, string>>()
let destination: RecordedDestination

beforeAll(async () => {
  destination = await openRecorded()
  const seen = new Set<string>()
  const add = (title: string, statements: readonly string[]) => {
    const fresh = new Map<string, string>()
    for (const sql of statements) {
      const shape = shapeOf(sql)
      if (seen.has(shape)) continue
      seen.add(shape)
      fresh.set(shape, sql)
    }
    examples.set(title, fresh)
  }
  for (const { title, play } of SCENARIOS) {
    await play(destination)
    add(title, destination.recorded())
  }
  const setup = setupStatements({
    user: 'SIMPLYLOAD',
    role: 'SIMPLYLOAD',
    warehouse: 'SIMPLYLOAD_WH',
    database: 'ANALYTICS',
    otherDatabases: ['RAW'],
    privateKey: undefined,
    isKeyMissing: false,
    hasPassword: true,
    suspendWhenDone: true,
    external: { storageIntegration: 'SIMPLYLOAD_S3', location: 's3://bucket/prefix', awsRoleArn: undefined },
  })
  add(
    'What an administrator runs once',
    setup.map(({ sql }) => sql),
  )
  await destination.cost()
  add('What simplyload cost asks', destination.recorded())
})

afterAll(() => destination[Symbol.asyncDispose]())

it('the reviewed file has an example of every shape', async () => {
  const parts = [...examples].map(([title, statements]) => {
    const listed = [...statements.values()].map((sql) => `${inLines(sql)};`)
    return [`-- ${title}`, ...listed].join('\n\n')
  })
  await expect(`${parts.join('\n\n\n')}\n`).toMatchFileSnapshot('./statements.sql')
})

it('an independent parser of Snowflake SQL takes each', () => {
  const all = [...examples.values()].flatMap((statements) => [...statements.values()])
  const refused = refusedByParser(all)
  expect(refused.filter((sql) => !Object.values(NOT_KNOWN).some((form) => form.test(sql)))).toEqual([])
  // One that is not needed any more is to go.
  expect(Object.entries(NOT_KNOWN).filter(([, form]) => !refused.some((sql) => form.test(sql)))).toEqual([])
})

it('none has what only DuckDB knows', () => {
  const all = [...examples.values()].flatMap((statements) => [...statements.values()])
  const foreign =
    /\browid\b|\bFILTER \(|\bASOF\b|\bANTI JOIN\b|\bSEMI JOIN\b|::BIGINT|\bunnest\b|\bepoch_us\b|\bBY NAME\b/i
  expect(all.filter((sql) => foreign.test(sql.replaceAll(/'(?:[^']|'')*'/g, "''")))).toEqual([])
})

/** Of the functions that docs.snowflake.com/en/user-guide/data-load-transform lists; operators but `||` are not among them. */
const OF_A_COPY = ['CAST', 'ENDSWITH', 'NVL', 'PARSE_JSON', 'TO_BINARY']
const TYPES = ['NUMBER', 'TIME', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ']

it('a COPY selects with what is listed for it, and calculates nothing', () => {
  const copies = [...examples.values()]
    .flatMap((statements) => [...statements.values()])
    .flatMap((sql) => {
      const selected = /^COPY INTO .*? FROM \(SELECT (.*) FROM @/.exec(sql)?.[1]
      return selected === undefined ? [] : [selected.replaceAll(/'(?:[^'\\]|\\.|'')*'|"(?:[^"]|"")*"/g, '')]
    })
  expect(copies.length).toBeGreaterThan(10)
  const called = new Set(copies.flatMap((sql) => [...sql.matchAll(/\b(\w+)\(/g)].map((match) => match[1])))
  expect([...called].filter((name) => !OF_A_COPY.concat(TYPES).includes(name ?? ''))).toEqual([])
  expect(copies.filter((sql) => /[-+*/%]/.test(sql))).toEqual([])
})

/** What differs by values only, or by how many of a kind there are, is one shape. */
function shapeOf(sql: string): string {
  return (
    sql
      .replaceAll(/'(?:[^'\\]|\\.|'')*'/g, "'…'")
      .replaceAll(/"(?:[^"]|"")*"/g, '"…"')
      .replaceAll(/\b\d+(\.\d+)?\b/g, '0')
      .replaceAll(/\b([a-z]+)_?\d+\b/g, '$1')
      // Staged rows are read in the same way wherever they stand.
      .replaceAll(/\(SELECT CAST\(\(file_number .*? WHERE pos IS NOT NULL(?: AND pos >= '…')?\)/g, '(…)')
      .replaceAll(/(?<=[(, ])([^(),]+)(?:, \1)+(?=[,) ]|$)/g, '$1')
      .replaceAll(/(?<=[(, ])(\w+\.\w+(?: AS \w+)?)(?:, \w+\.\w+(?: AS \w+)?)+/g, '$1')
  )
}

/** Broken before the words that begin a part of a statement. */
function inLines(sql: string): string {
  return sql.replaceAll(
    / (?=(?:FROM|WHERE|GROUP BY|HAVING|QUALIFY|ORDER BY|UNION ALL|LEFT JOIN|FULL OUTER JOIN|JOIN|USING|ON t\.|WHEN MATCHED|WHEN NOT MATCHED|VALUES)\b)/g,
    '\n  ',
  )
}
