/**
 * Results as the driver gives them: exact values of every type, large results, queries that take their time.
 * https://docs.snowflake.com/en/developer-guide/node-js/nodejs-driver-consume, …/nodejs-driver-execute
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openShop, type TwinClient } from '../../test/support/twin.ts'
import type { Twin } from './twin.ts'

let shop: Awaited<ReturnType<typeof openShop>>
let twin: Twin
let client: TwinClient

beforeAll(async () => {
  shop = await openShop()
  ;({ twin, client } = shop)
  await client.run(`ALTER SESSION SET TIMEZONE = 'UTC'`)
})

afterAll(() => shop[Symbol.asyncDispose]())

test('values of every type come exactly', async () => {
  const [row] = await client.rows(`SELECT
    12345678901234567890123456789012345678::NUMBER(38,0) AS INTEGERS, -0.50::NUMBER(5,2) AS DECIMALS, 1.5::FLOAT AS FLOATS,
    'Grüße' AS TEXTS, TRUE AS BOOLEANS, '1969-12-31'::DATE AS DATES, '23:59:59.123456'::TIME(6) AS TIMES,
    '1969-12-31 23:59:59.999999'::TIMESTAMP_NTZ(6) AS MOMENTS, TO_BINARY('00FF', 'HEX') AS BYTES, NULL::NUMBER AS NOTHING`)
  expect(row).toMatchObject({
    INTEGERS: '12345678901234567890123456789012345678',
    DECIMALS: '-0.50',
    FLOATS: '1.5',
    TEXTS: 'Grüße',
    BOOLEANS: true,
    DATES: '1969-12-31',
    TIMES: '23:59:59',
    MOMENTS: '1969-12-31 23:59:59.999',
    BYTES: '00FF',
    NOTHING: null,
  })
})

test('a VARIANT comes as JSON with blanks, or without them where JSON_INDENT is 0', async () => {
  const text = `SELECT PARSE_JSON('{"b":[1,{}],"a":1}') AS V`
  expect(await client.column(text)).toEqual(['{\n  "a": 1,\n  "b": [\n    1,\n    {}\n  ]\n}'])
  await client.run('ALTER SESSION SET JSON_INDENT = 0')
  expect(await client.column(text)).toEqual(['{"a":1,"b":[1,{}]}'])
})

test('a large result comes in chunks, whole and in order', async () => {
  const rows = await client.rows('SELECT SEQ4() AS N FROM TABLE(GENERATOR(ROWCOUNT => 12000)) ORDER BY 1')
  expect(rows).toHaveLength(12_000)
  expect([rows[0], rows[7000], rows[11_999]]).toEqual([{ N: '0' }, { N: '7000' }, { N: '11999' }])
  expect(twin.faults.calls.filter(({ kind }) => kind === 'chunk').length).toBeGreaterThan(1)
})

test('changed rows are counted by kind, and summed by the driver', async () => {
  await client.run('CREATE OR REPLACE TABLE T (ID INT, V VARCHAR)')
  expect(await client.rows(`INSERT INTO T VALUES (1, 'a'), (2, 'b')`)).toEqual([{ 'number of rows inserted': '2' }])
  expect(await client.run(`UPDATE T SET V = 'c' WHERE ID = 2`)).toBe(1)
  const merge = `MERGE INTO T USING (SELECT 2 AS ID, 'd' AS V UNION ALL SELECT 3, 'e') S ON T.ID = S.ID
    WHEN MATCHED THEN UPDATE SET V = S.V WHEN NOT MATCHED THEN INSERT (ID, V) VALUES (S.ID, S.V)`
  expect(await client.rows(merge)).toEqual([{ 'number of rows inserted': '1', 'number of rows updated': '1' }])
  expect(await client.run('DELETE FROM T')).toBe(3)
})

test('an error has the code and the state of Snowflake, and its query has failed in the history', async () => {
  await expect(client.rows('SELECT * FROM NO_SUCH_TABLE')).rejects.toMatchObject({ code: '002003', sqlState: '42S02' })
  expect(twin.state.history.all().at(-1)).toMatchObject({ status: 'FAILED_WITH_ERROR', errorCode: '002003' })
})

test('a query that still runs is asked for again', async () => {
  twin.faults.once(({ kind }) => kind === 'query', { kind: 'slow answer', polls: 2 })
  expect(await client.column('SELECT 5')).toEqual(['5'])
  expect(twin.faults.calls.slice(-2).map(({ kind }) => kind)).toEqual(['result', 'result'])
})

test('an asynchronous query is watched and its result fetched by its id', async () => {
  const queryId = await new Promise<string>((resolve, reject) => {
    client.connection.execute({
      sqlText: 'SELECT 6 AS N',
      asyncExec: true,
      complete: (error, statement) => (error ? reject(error) : resolve(statement.getQueryId())),
    })
  })
  const statement = await client.connection.getResultsFromQueryId({ queryId })
  const rows = await Array.fromAsync(statement.streamRows() as AsyncIterable<{ N: number }>)
  expect(rows).toEqual([{ N: 6 }])
})

test('a statement is canceled', async () => {
  const ended = new Promise<unknown>((resolve) => {
    const statement = client.connection.execute({
      sqlText:
        'SELECT COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 100000)) A, TABLE(GENERATOR(ROWCOUNT => 1000000)) B WHERE RANDOM() = 1',
      complete: (error) => resolve(error),
    })
    const isRunning = () => twin.faults.calls.at(-1)?.sql?.includes('100000')
    const timer = setInterval(() => {
      if (!isRunning()) return
      clearInterval(timer)
      statement.cancel(() => undefined)
    }, 10)
  })
  expect(await ended).toMatchObject({ code: '000604' })
})

test('a statement whose answer was lost is not run twice', async () => {
  await client.run('CREATE OR REPLACE TABLE ONCE (ID INT)')
  twin.faults.once(({ sql }) => sql?.startsWith('INSERT') === true, { kind: 'lost reply' })
  await client.run('INSERT INTO ONCE VALUES (1)')
  expect(await client.column('SELECT COUNT(*) FROM ONCE')).toEqual(['1'])
})

test('a full queue ends with the timeout that the session has for it', async () => {
  await client.run('ALTER SESSION SET STATEMENT_QUEUED_TIMEOUT_IN_SECONDS = 5')
  twin.faults.once(({ kind }) => kind === 'query', { kind: 'queue full', ms: 10_000 })
  await expect(client.rows('SELECT 1')).rejects.toMatchObject({ code: '000630', sqlState: '57014' })
})

test('RESULT_SCAN reads what an earlier query gave', async () => {
  await client.rows(`SELECT 1 AS A, '2026-01-02'::DATE AS D`)
  expect(await client.rows('SELECT A + 1 AS B, D FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))')).toEqual([
    { B: '2', D: '2026-01-02' },
  ])
})
