/** SELECT in all its clauses; each test names the page that says so. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTranslatedSession } from '../../../test/support/translated-session.ts'

let session: Awaited<ReturnType<typeof openTranslatedSession>>
beforeAll(async () => {
  session = await openTranslatedSession()
  await session.run('CREATE TABLE QT (I INT, P CHAR(1), O INT)')
  await session.run("INSERT INTO QT (I, P, O) VALUES (1, 'A', 1), (2, 'A', 2), (3, 'B', 1), (4, 'B', 2)")
  await session.run('CREATE TABLE CASES ("Id" INT, ID INT, "id" INT)')
  await session.run('INSERT INTO CASES VALUES (1, 2, 3)')
})
afterAll(async () => session[Symbol.asyncDispose]())

const rows = async (sql: string) => (await session.run(sql)).rows
const names = async (sql: string) => (await session.run(sql)).names

test('QUALIFY filters by a window function, also by its alias (constructs/qualify)', async () => {
  const first = [
    ['1', 'A', '1'],
    ['3', 'B', '1'],
  ]
  expect(
    await rows('SELECT I, P, O FROM QT QUALIFY ROW_NUMBER() OVER (PARTITION BY P ORDER BY O) = 1 ORDER BY I'),
  ).toEqual(first)
  expect(
    await rows('SELECT I, P, O, ROW_NUMBER() OVER (PARTITION BY P ORDER BY O) AS N FROM QT QUALIFY N = 1 ORDER BY I'),
  ).toEqual(first.map((row) => [...row, '1']))
})

test('NULLs come last when ascending, first when descending (constructs/order-by)', async () => {
  const of = 'FROM (VALUES (1), (NULL), (2)) AS V (A)'
  expect(await rows(`SELECT A ${of} ORDER BY A`)).toEqual([['1'], ['2'], [null]])
  expect(await rows(`SELECT A ${of} ORDER BY A DESC`)).toEqual([[null], ['2'], ['1']])
  expect(await rows(`SELECT A ${of} ORDER BY A DESC NULLS LAST`)).toEqual([['2'], ['1'], [null]])
  expect(await rows(`SELECT FIRST_VALUE(A) OVER (ORDER BY A DESC) ${of} LIMIT 1`)).toEqual([[null]])
})

test('names are upper-case unless quoted, and exact when they are (identifiers-syntax)', async () => {
  expect(await rows('SELECT "Id", id, "id" FROM cases')).toEqual([['1', '2', '3']])
  expect(await names('SELECT * FROM CASES')).toEqual(['Id', 'ID', 'id'])
  expect(await names('SELECT id + 1, "id" AS x, count(*) over () from CASES')).toEqual([
    'ID + 1',
    'X',
    'COUNT(*) OVER ()',
  ])
})

test('an alias can be used in the same SELECT; a column of that name comes first (sql/select)', async () => {
  expect(await rows('SELECT I * 2 AS D, D + 1 AS E FROM QT WHERE D > 6')).toEqual([['8', '9']])
  expect(await rows('SELECT I * 10 AS O FROM QT WHERE O = 1 ORDER BY O DESC')).toEqual([['30'], ['10']])
})

test('GROUP BY takes names, ordinals, aliases and ALL (constructs/group-by)', async () => {
  const expected = [
    ['A', '3'],
    ['B', '7'],
  ]
  for (const by of ['P', '1', 'X', 'ALL']) {
    expect(await rows(`SELECT P AS X, SUM(I) FROM QT GROUP BY ${by} HAVING COUNT(*) = 2 ORDER BY 1`)).toEqual(expected)
  }
})

test('common tables see those before them, and themselves when recursive (constructs/with)', async () => {
  expect(
    await rows('WITH A (X) AS (SELECT I FROM QT), B AS (SELECT MAX(X) AS M FROM A) SELECT M, X FROM A, B WHERE X = M'),
  ).toEqual([['4', '4']])
  expect(
    await rows('WITH RECURSIVE R (N) AS (SELECT 1 UNION ALL SELECT N + 1 FROM R WHERE N < 4) SELECT SUM(N) FROM R'),
  ).toEqual([['10']])
})

test('USING and NATURAL make one column of two (constructs/join)', async () => {
  const tables = "(VALUES (1, 'a'), (2, 'b')) L (K, X) FULL JOIN (VALUES (2, 'c'), (3, 'd')) R (K, Y)"
  expect(await names(`SELECT * FROM ${tables} USING (K)`)).toEqual(['K', 'X', 'Y'])
  expect(await rows(`SELECT * FROM ${tables} USING (K) ORDER BY K`)).toEqual([
    ['1', 'a', null],
    ['2', 'b', 'c'],
    ['3', null, 'd'],
  ])
  expect(await rows('SELECT COUNT(*) FROM QT A NATURAL JOIN QT B')).toEqual([['4']])
})

test('ASOF JOIN finds the closest earlier row and keeps those without one (constructs/asof-join)', async () => {
  const sql = `SELECT L.T, R.T FROM (VALUES ('a', 5), ('a', 1), ('b', 9)) L (K, T)
    ASOF JOIN (VALUES ('a', 2), ('a', 4), ('c', 1)) R (K, T) MATCH_CONDITION (L.T >= R.T) ON L.K = R.K ORDER BY L.T`
  expect(await rows(sql)).toEqual([
    ['1', null],
    ['5', '4'],
    ['9', null],
  ])
})

test('FLATTEN gives a row for each element (functions/flatten)', async () => {
  const of = `PARSE_JSON('{"a":1, "b":[77,88]}')`
  expect(await rows(`SELECT KEY, PATH, INDEX, VALUE FROM TABLE(FLATTEN(INPUT => ${of})) ORDER BY KEY`)).toEqual([
    ['a', 'a', null, '1'],
    ['b', 'b', null, '[77,88]'],
  ])
  expect(
    await rows(`SELECT KEY, PATH, INDEX, VALUE FROM TABLE(FLATTEN(INPUT => ${of}, PATH => 'b')) ORDER BY INDEX`),
  ).toEqual([
    [null, 'b[0]', '0', '77'],
    [null, 'b[1]', '1', '88'],
  ])
  expect(
    await rows(
      `SELECT Q.I, F.VALUE FROM QT Q, LATERAL FLATTEN(INPUT => ARRAY_CONSTRUCT(Q.I, Q.O)) F WHERE Q.I = 4 ORDER BY F.INDEX`,
    ),
  ).toEqual([
    ['4', '4'],
    ['4', '2'],
  ])
  expect(await rows(`SELECT COUNT(*) FROM TABLE(FLATTEN(INPUT => PARSE_JSON('[]')))`)).toEqual([['0']])
  expect(await rows(`SELECT VALUE FROM TABLE(FLATTEN(INPUT => PARSE_JSON('[]'), OUTER => TRUE))`)).toEqual([[null]])
})

test('frames of FIRST_VALUE and LAST_VALUE are the whole partition, those of aggregates run (functions-window-syntax)', async () => {
  const sql =
    'SELECT I, LAST_VALUE(I) OVER (ORDER BY I), SUM(I) OVER (ORDER BY I), LAG(I, 1, 0) OVER (ORDER BY I) FROM QT ORDER BY I LIMIT 2'
  expect(await rows(sql)).toEqual([
    ['1', '4', '1', '0'],
    ['2', '4', '3', '1'],
  ])
})

test('aggregates of no rows, of NULLs, in order (functions-aggregation)', async () => {
  const none = 'FROM QT WHERE FALSE'
  expect(await rows(`SELECT COUNT(*), SUM(I), AVG(I), MAX(I), ARRAY_AGG(I), LISTAGG(P) ${none}`)).toEqual([
    ['0', null, null, null, '[]', ''],
  ])
  expect(
    await rows(
      "SELECT ARRAY_AGG(A), COUNT(A), LISTAGG(A, '-') WITHIN GROUP (ORDER BY A DESC) FROM (VALUES (1), (NULL), (2)) V (A)",
    ),
  ).toEqual([['[1,2]', '2', '2-1']])
  const { types, rows: values } = await session.run('SELECT SUM(I), AVG(I), COUNT(*), SUM(I::FLOAT) FROM QT')
  expect(types).toEqual(['NUMBER(38,0)', 'NUMBER(38,6)', 'NUMBER(18,0)', 'FLOAT'])
  expect(values).toEqual([['10', '2.500000', '4', '10.0']])
})

test('set operations take the names of the first and the types of both (operators-query)', async () => {
  const {
    names: columns,
    types,
    rows: values,
  } = await session.run('SELECT NULL AS A, 1 AS B UNION ALL SELECT 2.5, NULL ORDER BY B')
  expect({ columns, types }).toEqual({ columns: ['A', 'B'], types: ['NUMBER(2,1)', 'NUMBER(1,0)'] })
  expect(values).toEqual([
    [null, '1'],
    ['2.5', null],
  ])
  expect(await rows("SELECT P FROM QT MINUS SELECT 'A'")).toEqual([['B']])
})

test('* leaves out, replaces and renames (sql/select)', async () => {
  expect(await names('SELECT * EXCLUDE (O, I) RENAME P AS Q FROM QT')).toEqual(['Q'])
  expect(await rows('SELECT Q.* REPLACE (I + 10 AS I) FROM QT Q WHERE I = 1')).toEqual([['11', 'A', '1']])
})

test('subqueries see the query around them (user-guide/querying-subqueries)', async () => {
  expect(await rows('SELECT I FROM QT A WHERE I = (SELECT MAX(B.I) FROM QT B WHERE B.P = A.P) ORDER BY I')).toEqual([
    ['2'],
    ['4'],
  ])
  expect(await rows("SELECT I FROM QT WHERE (P, O) IN (('A', 1), ('B', 2)) ORDER BY I")).toEqual([['1'], ['4']])
  expect(await rows('SELECT COUNT(*) FROM QT WHERE (P, O) IN (SELECT P, O FROM QT WHERE I > 2)')).toEqual([['2']])
})

test('a view is read as it is defined, with the tables that there are now (user-guide/views-introduction)', async () => {
  await session.run('CREATE TABLE BASE (A INT)')
  await session.run('CREATE VIEW SEEN (X, AT) AS SELECT A, CURRENT_DATE FROM BASE')
  await session.run('CREATE OR REPLACE TABLE BASE (B INT, A INT)')
  await session.run('INSERT INTO BASE VALUES (1, 2)')
  expect(await rows('SELECT X, S.AT FROM SEEN S')).toEqual([['2', '2026-11-20']])
})

test('binds are values, by order or by number (developer-guide/node-js/nodejs-driver-execute)', async () => {
  const binds = [
    { type: 'FIXED', value: '-3' },
    { type: 'TEXT', value: "o'c" },
  ]
  expect((await session.run('SELECT ?, ?', binds)).rows).toEqual([['-3', "o'c"]])
  expect((await session.run('SELECT :2, :1 + 1, :2', binds)).rows).toEqual([["o'c", '-2', "o'c"]])
  await session.run('CREATE TABLE BOUND (A INT, B VARCHAR)')
  const arrays = [
    { type: 'FIXED', value: ['1', '2'] },
    { type: 'TEXT', value: ['x', null] },
  ]
  expect((await session.run('INSERT INTO BOUND VALUES (?, ?)', arrays)).rows).toEqual([['2']])
  expect(await rows('SELECT * FROM BOUND ORDER BY A')).toEqual([
    ['1', 'x'],
    ['2', null],
  ])
})

test('session variables keep their type (user-guide/session-variables)', async () => {
  await session.run("SET (A, B) = (5, 'x')")
  expect(await rows("SELECT $A + 1, $B || 'y'")).toEqual([['6', 'xy']])
})

test('the zone of the session decides what a wall clock shows (parameters, TIMEZONE)', async () => {
  await session.run("ALTER SESSION SET TIMEZONE = 'America/New_York'")
  expect(await rows("SELECT '2024-07-01 12:00:00'::TIMESTAMP_NTZ::TIMESTAMP_LTZ::VARCHAR")).toEqual([
    ['2024-07-01 12:00:00.000 -0400'],
  ])
  await expect(session.run("SELECT '2024-07-01 12:00:00'::TIMESTAMP_NTZ::TIMESTAMP_TZ")).rejects.toThrow(
    'ALTER SESSION SET TIMEZONE = UTC',
  )
  await session.run("ALTER SESSION SET TIMEZONE = 'UTC'")
})
