/**
 * What the Snowflake destination sends, in `statements.sql`, where people review it: each statement that has a part that no other one
 * has, under what it was sent for. `npx vitest run test/snowflake-statements -u` writes it anew.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { setupStatements } from '../../src/destinations/snowflake/setup.ts'
import { NOT_KNOWN, refusedByParser } from './parsed-statements.ts'
import { playExternal, RARER_SCENARIOS } from './rarer-scenarios.ts'
import { openRecorded, type RecordedDestination } from './recorded-destination.ts'
import { SCENARIOS } from './scenarios.ts'
import { partsOf } from './statement-parts.ts'

/** By title of the scenario that sent them first. */
const examples = new Map<string, readonly string[]>()
let destination: RecordedDestination

beforeAll(async () => {
  destination = await openRecorded()
  const seen = new Set<string>()
  const add = (title: string, statements: readonly string[]) => {
    const fresh = statements.filter((sql) => {
      const parts = [...partsOf(sql)].filter((part) => !seen.has(part))
      for (const part of parts) seen.add(part)
      return parts.length > 0
    })
    examples.set(title, fresh)
  }
  for (const { title, play } of [...SCENARIOS, ...RARER_SCENARIOS]) {
    await play(destination)
    add(title, destination.recorded())
  }
  const integration = 'CREATE STORAGE INTEGRATION "OUTSIDE" TYPE = EXTERNAL_STAGE'
  for (const outside of [{ access_key_id: 'key', secret_access_key: 'secret' }, { storage_integration: 'OUTSIDE' }]) {
    await using recorded = await openRecorded(outside)
    if ('storage_integration' in outside) await recorded.run(integration)
    await playExternal(recorded)
    add(`An external stage: ${Object.keys(outside).join(', ')}`, recorded.recorded())
  }
  const request = {
    user: 'SIMPLYLOAD',
    role: 'SIMPLYLOAD',
    warehouse: 'SIMPLYLOAD_WH',
    database: 'ANALYTICS',
    otherDatabases: ['RAW'],
    privateKey: undefined,
    isKeyMissing: true,
    hasPassword: false,
    suspendWhenDone: true,
    external: { storageIntegration: 'SIMPLYLOAD_S3', location: 's3://bucket/prefix', awsRoleArn: undefined },
  }
  const requests = [request, { ...request, isKeyMissing: false, hasPassword: true, suspendWhenDone: false }]
  const setup = requests.flatMap(setupStatements).map(({ sql }) => sql)
  add('What an administrator runs once', setup)
  await destination.cost()
  add('What simplyload cost asks', destination.recorded())
})

afterAll(() => destination[Symbol.asyncDispose]())

it('the reviewed file has an example of every part', async () => {
  const parts = [...examples].map(([title, statements]) => {
    const listed = statements.map((sql) => `${inLines(sql)};`)
    return [`-- ${title}`, ...listed].join('\n\n')
  })
  await expect(`${parts.join('\n\n\n')}\n`).toMatchFileSnapshot('./statements.sql')
})

it('an independent parser of Snowflake SQL takes each', () => {
  const all = [...examples.values()].flat()
  const refused = refusedByParser(all)
  expect(refused.filter((sql) => !Object.values(NOT_KNOWN).some((form) => form.test(sql)))).toEqual([])
  // One that is not needed any more is to go.
  expect(Object.entries(NOT_KNOWN).filter(([, form]) => !refused.some((sql) => form.test(sql)))).toEqual([])
})

it('none has what only DuckDB knows', () => {
  const all = [...examples.values()].flat()
  const foreign =
    /\browid\b|\bFILTER \(|\bASOF\b|\bANTI JOIN\b|\bSEMI JOIN\b|::BIGINT|\bunnest\b|\bepoch_us\b|\bBY NAME\b/i
  expect(all.filter((sql) => foreign.test(sql.replaceAll(/'(?:[^']|'')*'/g, "''")))).toEqual([])
})

/** Of the functions that docs.snowflake.com/en/user-guide/data-load-transform lists; operators but `||` are not among them. */
const OF_A_COPY = ['CAST', 'ENDSWITH', 'NVL', 'PARSE_JSON', 'TO_BINARY']
const TYPES = ['NUMBER', 'TIME', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ']

it('a COPY selects with what is listed for it, and calculates nothing', () => {
  const copies = [...examples.values()].flat().flatMap((sql) => {
    const selected = /^COPY INTO .*? FROM \(SELECT (.*) FROM @/.exec(sql)?.[1]
    return selected === undefined ? [] : [selected.replaceAll(/'(?:[^'\\]|\\.|'')*'|"(?:[^"]|"")*"/g, '')]
  })
  expect(copies.length).toBeGreaterThan(10)
  const called = new Set(copies.flatMap((sql) => [...sql.matchAll(/\b(\w+)\(/g)].map((match) => match[1])))
  expect([...called].filter((name) => !OF_A_COPY.concat(TYPES).includes(name ?? ''))).toEqual([])
  expect(copies.filter((sql) => /[-+*/%]/.test(sql))).toEqual([])
})

/** Broken before the words that begin a part of a statement. */
function inLines(sql: string): string {
  return sql.replaceAll(
    / (?=(?:FROM|WHERE|GROUP BY|HAVING|QUALIFY|UNION ALL|(?:LEFT |FULL OUTER )?JOIN|USING|ON t\.|WHEN MATCHED|WHEN NOT MATCHED|VALUES)\b)(?<!DISTINCT |LEFT |OUTER )/g,
    '\n  ',
  )
}
