/** COPY INTO from staged files (docs: sql-reference/sql/copy-into-table, user-guide/data-load-transform, user-guide/querying-stage). */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTranslatedSession } from '../../../test/support/translated-session.ts'

let session: Awaited<ReturnType<typeof openTranslatedSession>>
const folder = mkdtempSync(join(tmpdir(), 'twin-copy-'))

beforeAll(async () => {
  session = await openTranslatedSession()
  const file = join(folder, 'a.parquet')
  await session.connection.run(
    `COPY (SELECT 1::BIGINT AS id, 12.50::DECIMAL(10,2) AS amount, '{"b":1,"a":[2.50]}' AS doc, 'é' AS "Name",
       TIMESTAMP '2024-01-01 10:00:00.123456' AS local, TIMESTAMPTZ '2024-01-01 10:00:00+00' AS instant, '\\xAB'::BLOB AS bytes, true AS flag
     UNION ALL SELECT 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL) TO '${file}' (FORMAT PARQUET)`,
  )
  const from = `read_parquet(['${file}'], filename = true, file_row_number = true)`
  const described = await session.connection.runAndReadAll(
    `DESCRIBE SELECT * EXCLUDE (filename, file_row_number) FROM ${from}`,
  )
  session.setStage({
    type: 'parquet',
    from,
    columns: described.getRows().map((row) => ({ name: String(row[0]), type: String(row[1]) })),
    filenameSql: `substr(filename, ${folder.length + 2})`,
    rowNumberSql: 'file_row_number + 1',
  })
})
afterAll(async () => {
  await session[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const FORMAT = 'FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE)'

test('a SELECT over $1 casts each column, reads JSON and names file and row', async () => {
  await session.run(
    'CREATE TABLE T (F VARCHAR, N NUMBER(19,0), ID NUMBER(19,0), AMOUNT NUMBER(12,4), DOC VARIANT, NAME VARCHAR, LOCAL TIMESTAMP_NTZ(6), AT TIMESTAMP_TZ(6), B BINARY, FLAG BOOLEAN, GONE VARCHAR)',
  )
  const select = `SELECT METADATA$FILENAME, METADATA$FILE_ROW_NUMBER, $1:id::NUMBER(19,0), $1:amount::NUMBER(12,4), PARSE_JSON($1:doc::STRING), $1:"Name"::VARCHAR,
    $1:local::TIMESTAMP_NTZ(6), $1:instant::TIMESTAMP_TZ(6), $1:bytes::BINARY, t.$1:flag::BOOLEAN, $1:absent::VARCHAR FROM @ST/x t`
  expect((await session.run(`COPY INTO T FROM (${select}) FILES = ('a.parquet') ${FORMAT} FORCE = TRUE`)).rows).toEqual(
    [['2']],
  )
  const none = [null, null, null, null, null, null, null, null]
  expect((await session.run('SELECT * REPLACE (TO_VARCHAR(B) AS B) FROM T ORDER BY ID')).rows).toEqual([
    [
      'a.parquet',
      '1',
      '1',
      '12.5000',
      '{"a":[2.5],"b":1}',
      'é',
      '2024-01-01 10:00:00.123456',
      '2024-01-01 10:00:00+00',
      'AB',
      'true',
      null,
    ],
    ['a.parquet', '2', '2', ...none],
  ])
})

test('without a SELECT columns are matched by name', async () => {
  await session.run('CREATE TABLE M (AMOUNT NUMBER(10,1), ID INT, OTHER INT)')
  await session.run(`COPY INTO M FROM @ST ${FORMAT} MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE`)
  expect((await session.run('SELECT * FROM M ORDER BY ID')).rows).toEqual([
    ['12.5', '1', null],
    [null, '2', null],
  ])
  await expect(session.run(`COPY INTO M FROM @ST ${FORMAT}`)).rejects.toThrow('one and only one column of type variant')
})

test('a text does not become JSON by itself', async () => {
  await session.run('CREATE TABLE V (DOC VARIANT)')
  await session.run(`COPY INTO V FROM (SELECT $1:doc FROM @ST) ${FORMAT}`)
  expect((await session.run('SELECT TYPEOF(DOC) FROM V WHERE DOC IS NOT NULL')).rows).toEqual([['VARCHAR']])
  await expect(session.run(`COPY INTO V FROM (SELECT $1:doc::STRING FROM @ST) ${FORMAT}`)).rejects.toMatchObject({
    code: '002023',
  })
})

test('a COPY may choose and convert, no more', async () => {
  for (const rest of ['WHERE $1:id > 1', 'ORDER BY 1', 'LIMIT 1', 'GROUP BY 1']) {
    await expect(
      session.run(`COPY INTO V FROM (SELECT PARSE_JSON($1:doc) FROM @ST ${rest}) ${FORMAT}`),
    ).rejects.toThrow('COPY statement only supports simple SELECT')
  }
})

test('staged files can be queried', async () => {
  expect(
    (await session.run("SELECT $1:id::INT, $1:doc FROM @ST (FILE_FORMAT => 'F') s WHERE s.$1:amount > 1")).rows,
  ).toEqual([['1', String.raw`"{\"b\":1,\"a\":[2.50]}"`]])
})

test('files, pattern and options reach the plan', async () => {
  const plan = await session.plan(
    `COPY INTO T FROM @DB.S."my stage"/p/q FILES = ('a', 'b') PATTERN = '.*x' ${FORMAT} ON_ERROR = ABORT_STATEMENT PURGE = TRUE`,
  )
  expect(plan).toMatchObject({
    kind: 'copy',
    transforms: false,
    source: {
      location: { type: 'named', name: { database: 'DB', schema: 'S', name: 'my stage' }, path: 'p/q' },
      files: ['a', 'b'],
      pattern: '.*x',
      format: {
        options: new Map<string, unknown>([
          ['TYPE', 'PARQUET'],
          ['USE_VECTORIZED_SCANNER', true],
        ]),
      },
    },
    options: new Map<string, unknown>([
      ['ON_ERROR', 'ABORT_STATEMENT'],
      ['PURGE', true],
    ]),
  })
})
