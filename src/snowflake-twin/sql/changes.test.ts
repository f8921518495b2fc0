/** INSERT, UPDATE, DELETE, MERGE (docs: sql-reference/sql/insert, update, delete, merge). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openTranslatedSession } from '../../../test/support/translated-session.ts'

let session: Awaited<ReturnType<typeof openTranslatedSession>>
beforeEach(async () => {
  session = await openTranslatedSession()
  await session.run("CREATE TABLE T (K INT, V INT, NOTE VARCHAR DEFAULT 'none')")
  await session.run('INSERT INTO T (K, V) VALUES (0, 10), (1, 20)')
  await session.run('CREATE TABLE S (K INT, V INT)')
})
afterEach(async () => session[Symbol.asyncDispose]())

const table = async () => (await session.run('SELECT K, V, NOTE FROM T ORDER BY K, V')).rows
const run = (sql: string) => session.run(sql)

test('an INSERT takes defaults for what it leaves out, DEFAULT and OVERWRITE', async () => {
  await run("INSERT INTO T VALUES (2, 30, DEFAULT), (3, NULL, 'x')")
  expect(await table()).toEqual([
    ['0', '10', 'none'],
    ['1', '20', 'none'],
    ['2', '30', 'none'],
    ['3', null, 'x'],
  ])
  await run('INSERT OVERWRITE INTO T (V, K) SELECT K, 9 FROM T WHERE K = 1')
  expect(await table()).toEqual([['9', '1', 'none']])
})

test('an UPDATE computes all of its values from the row as it was', async () => {
  expect((await run('UPDATE T X SET K = X.V, V = X.K WHERE X.K = 1')).rows).toEqual([['1', '0']])
  expect(await table()).toEqual([
    ['0', '10', 'none'],
    ['20', '1', 'none'],
  ])
})

test('an UPDATE … FROM changes a row once, however many rows it meets, and tells', async () => {
  await run('INSERT INTO S VALUES (0, 11), (0, 12), (1, 21)')
  const { names, rows } = await run('UPDATE T SET V = S.V FROM S WHERE T.K = S.K')
  expect(names).toEqual(['number of rows updated', 'number of rows multi_joined'])
  expect(rows).toEqual([['2', '1']])
  await run('ALTER SESSION SET ERROR_ON_NONDETERMINISTIC_UPDATE = TRUE')
  await expect(run('UPDATE T SET V = S.V FROM S WHERE T.K = S.K')).rejects.toMatchObject({
    code: '100090',
    sqlState: '42P18',
  })
})

test('a DELETE … USING counts each row once', async () => {
  await run('INSERT INTO S VALUES (0, 1), (0, 2)')
  expect((await run('DELETE FROM T USING S WHERE T.K = S.K')).rows).toEqual([['1']])
  expect(await table()).toEqual([['1', '20', 'none']])
})

describe('MERGE', () => {
  test('updates, deletes and inserts by the first clause that applies', async () => {
    await run('INSERT INTO S VALUES (0, 11), (1, -1), (2, 32), (3, -1)')
    const { names, rows } = await run(`MERGE INTO T USING S ON T.K = S.K
      WHEN MATCHED AND S.V < 0 THEN DELETE
      WHEN MATCHED THEN UPDATE SET T.V = S.V, NOTE = 'seen ' || T.V
      WHEN NOT MATCHED AND S.V > 0 THEN INSERT (K, V) VALUES (S.K, S.V)`)
    expect(names).toEqual(['number of rows inserted', 'number of rows updated', 'number of rows deleted'])
    expect(rows).toEqual([['1', '1', '1']])
    expect(await table()).toEqual([
      ['0', '11', 'seen 10'],
      ['2', '32', 'none'],
    ])
  })

  test('refuses several source rows for one row that is updated, and changes nothing', async () => {
    await run('INSERT INTO S VALUES (0, 11), (0, 12), (0, 13), (5, 1)')
    const before = await table()
    const sql = `MERGE INTO T USING S ON T.K = S.K WHEN MATCHED THEN UPDATE SET V = S.V
      WHEN NOT MATCHED THEN INSERT (K, V) VALUES (S.K, S.V)`
    const failing = run(sql)
    await expect(failing).rejects.toMatchObject({ code: '100090', sqlState: '42P18' })
    await expect(failing).rejects.toThrow('Duplicate row detected during DML action')
    expect(await table()).toEqual(before)
    const mixed =
      'MERGE INTO T USING S ON T.K = S.K WHEN MATCHED AND S.V = 11 THEN DELETE WHEN MATCHED THEN UPDATE SET V = S.V'
    await expect(run(mixed)).rejects.toMatchObject({ code: '100090' })
  })

  test('allows several source rows where one alone applies, or where all delete', async () => {
    await run('INSERT INTO S VALUES (0, 11), (0, 12), (0, 13)')
    expect(
      (await run('MERGE INTO T USING S ON T.K = S.K WHEN MATCHED AND S.V = 12 THEN UPDATE SET V = S.V')).rows,
    ).toEqual([['1']])
    expect(await table()).toContainEqual(['0', '12', 'none'])
    expect((await run('MERGE INTO T USING S ON T.K = S.K WHEN MATCHED THEN DELETE')).rows).toEqual([['1']])
  })

  test('inserts every source row that meets nothing, copies too', async () => {
    await run('INSERT INTO S VALUES (7, 1), (7, 1), (NULL, 2)')
    const sql = 'MERGE INTO T USING S ON T.K = S.K WHEN NOT MATCHED THEN INSERT VALUES (S.K, S.V, DEFAULT)'
    expect((await run(sql)).rows).toEqual([['3']])
    // A NULL key meets nothing, so it is inserted again.
    expect((await run(sql)).rows).toEqual([['1']])
  })

  test('computes values only for rows that their clause applies to', async () => {
    await run('INSERT INTO S VALUES (0, 0), (9, 5)')
    const sql = `MERGE INTO T USING S ON T.K = S.K WHEN MATCHED THEN UPDATE SET V = 1
      WHEN NOT MATCHED THEN INSERT (K, V) VALUES (S.K, 10 / S.V)`
    expect((await run(sql)).rows).toEqual([['1', '1']])
  })

  test('takes columns BY NAME, and a query with QUALIFY as its source', async () => {
    await run('INSERT INTO S VALUES (0, 11), (0, 12), (4, 1)')
    const source = "SELECT 'n' AS NOTE, V, K FROM S QUALIFY ROW_NUMBER() OVER (PARTITION BY K ORDER BY V DESC) = 1"
    await run(
      `MERGE INTO T USING (${source}) X ON T.K = X.K WHEN MATCHED THEN UPDATE ALL BY NAME WHEN NOT MATCHED THEN INSERT ALL BY NAME`,
    )
    expect(await table()).toEqual([
      ['0', '12', 'n'],
      ['1', '20', 'none'],
      ['4', '1', 'n'],
    ])
  })

  test('refuses a clause after an unconditional one of its kind', async () => {
    const sql = 'MERGE INTO T USING S ON T.K = S.K WHEN MATCHED THEN DELETE WHEN MATCHED THEN UPDATE SET V = 1'
    await expect(run(sql)).rejects.toMatchObject({ code: '002229' })
  })

  test('an INSERT cannot name columns of the target', async () => {
    const sql = 'MERGE INTO T USING S ON T.K = S.K WHEN NOT MATCHED THEN INSERT (K) VALUES (T.K)'
    await expect(run(sql)).rejects.toMatchObject({ code: '000904' })
  })
})
