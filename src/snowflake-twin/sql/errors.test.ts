/** Errors as Snowflake numbers them. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTranslatedSession } from '../../../test/support/translated-session.ts'

let session: Awaited<ReturnType<typeof openTranslatedSession>>
beforeAll(async () => {
  session = await openTranslatedSession()
  await session.run('CREATE TABLE T (ID INT NOT NULL, NAME VARCHAR(3), V VARIANT, D DATE, N NUMBER(5,2))')
})
afterAll(async () => session[Symbol.asyncDispose]())

test.each([
  ['SELECT * FROM NOSUCH', '002003', '42S02', "Object 'NOSUCH' does not exist or not authorized"],
  ['SELECT NOSUCH FROM T', '000904', '42000', "invalid identifier 'NOSUCH'"],
  ['SELECT "id" FROM T', '000904', '42000', "invalid identifier 'id'"],
  ['SELECT ID FROM T A, T B', '002028', '42601', "ambiguous column name 'ID'"],
  ['SELECT 1 FRM T X', '001003', '42000', "syntax error line 1 at position 13 unexpected 'T'"],
  ['SELECT (1', '001003', '42000', "unexpected '<EOF>'"],
  ['SELECT NOSUCH(1)', '002140', '42601', 'Unknown function NOSUCH'],
  ['SELECT NVL(1)', '000938', '22023', 'not enough arguments'],
  ['SELECT NVL(1, 2, 3)', '000939', '22023', 'too many arguments'],
  ["SELECT 'abc'::NUMBER", '100038', '22018', "Numeric value 'abc' is not recognized"],
  ["SELECT '1_000'::NUMBER", '100038', '22018', 'is not recognized'],
  ["SELECT 'x'::DATE", '100040', '22007', "Date 'x' is not recognized"],
  ["SELECT 'x'::TIMESTAMP", '100035', '22007', "Timestamp 'x' is not recognized"],
  ["SELECT 'x'::BOOLEAN", '100037', '22018', "Boolean value 'x' is not recognized"],
  ["SELECT PARSE_JSON('{x')", '100069', '22P02', 'Error parsing JSON'],
  [`SELECT PARSE_JSON('{"a":"x"}'):a::INT`, '100071', '22000', 'Failed to cast variant value "x" to FIXED'],
  ['SELECT 1 / 0', '100051', '22012', 'Division by zero'],
  ['SELECT 1::FLOAT / 0', '100051', '22012', 'Division by zero'],
  ['INSERT INTO T (NAME) VALUES (1)', '100072', '22000', 'NULL result in a non-nullable column'],
  [
    "INSERT INTO T (ID, NAME) VALUES (1, 'long')",
    '100078',
    '22000',
    "String 'long' is too long and would be truncated",
  ],
  ["INSERT INTO T (ID, V) SELECT 1, 'x'", '002023', '22000', 'expecting VARIANT but got VARCHAR(1) for column V'],
  ['INSERT INTO T (ID, D) SELECT 1, 2', '002023', '22000', 'expecting DATE but got NUMBER(1,0) for column D'],
  ['INSERT INTO T (ID, N) VALUES (1, 1000)', '100039', '22003', "Numeric value '1000' is out of range"],
  ['INSERT INTO T (ID, NAME) VALUES (1)', '002020', '21S01', 'expecting 2 but got 1'],
  ['INSERT INTO T (ID, ID) VALUES (1, 1)', '002025', '42S21', "duplicate column name 'ID'"],
  ['CREATE TABLE U (A INT, A INT)', '002025', '42S21', "duplicate column name 'A'"],
  ['CREATE TABLE U (A NOSUCH)', '002040', '42601', "Unsupported data type 'NOSUCH'"],
  ['SELECT ROW_NUMBER() OVER (PARTITION BY ID) FROM T', '002303', '42601', 'requires ORDER BY'],
  ['SELECT $NOSUCH', '002211', '02000', "Session variable '$NOSUCH' does not exist"],
  ['SELECT ? + 1', '001003', '42000', 'Bind variable'],
  ['SELECT ID, COUNT(*) FROM T', '000979', '42601', 'not a valid group by expression'],
  ['SELECT 1 UNION SELECT 1, 2', '001789', '42601', 'invalid number of result columns'],
  ['SELECT TRY_CAST(1 AS INT)', '001065', '22023', 'TRY_CAST cannot be used'],
])('%s', async (sql, code, sqlState, message) => {
  const failing = session.run(sql)
  await expect(failing).rejects.toMatchObject({ code, sqlState })
  await expect(failing).rejects.toThrow(message)
})

test.each([
  'SELECT HASH(1)',
  'SELECT * FROM T SAMPLE (10)',
  'SELECT * FROM T AT (OFFSET => -60)',
  'CREATE STREAM S ON TABLE T',
  'CALL P()',
  'COPY INTO @STAGE FROM T',
  "SELECT '2024-01-01 00:00:00 +02:00'::TIMESTAMP_TZ",
  'SELECT V < V FROM T',
])('%s is refused, not guessed', async (sql) => {
  await expect(session.run(sql)).rejects.toMatchObject({ code: '001003', sqlState: '42000' })
  await expect(session.run(sql)).rejects.toThrow('the local Snowflake does not know')
})
