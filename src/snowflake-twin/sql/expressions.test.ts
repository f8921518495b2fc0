/** What expressions give and which types they have; each group names the page of Snowflake's documentation that says so. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTranslatedSession } from '../../../test/support/translated-session.ts'

let session: Awaited<ReturnType<typeof openTranslatedSession>>
beforeAll(async () => {
  session = await openTranslatedSession()
})
afterAll(async () => session[Symbol.asyncDispose]())

type Case = readonly [sql: string, value: string | null, type?: string]

const PAGES: Readonly<Record<string, readonly Case[]>> = {
  'sql-reference/operators-arithmetic': [
    ['10.01 * 1.1', '11.011', 'NUMBER(6,3)'],
    ['10.001 * .001', '0.010001', 'NUMBER(8,6)'],
    ['1::NUMBER(20,10) * 1::NUMBER(20,10)', '1.000000000000', 'NUMBER(32,12)'],
    ['2/7', '0.285714', 'NUMBER(7,6)'],
    ['10.1/2.1', '4.8095238', 'NUMBER(10,7)'],
    ['10.001/.002', '5000.500000000', 'NUMBER(14,9)'],
    ['10/4', '2.500000'],
    ['1::NUMBER(10,2) + 1::NUMBER(5,4)', '2.0000', 'NUMBER(13,4)'],
    [
      '99999999999999999999999999999999999998::NUMBER(38,0) + 1',
      '99999999999999999999999999999999999999',
      'NUMBER(38,0)',
    ],
    ['-5.5 % 2', '-1.5'],
    ["'2024-03-01'::DATE - '2024-02-01'::DATE", '29'],
  ],
  'sql-reference/operators-comparison and null ordering': [
    ["'abc' = 'ABC'", 'false'],
    ["'10' = 10", 'true'],
    ['NULL = NULL', null],
    ['EQUAL_NULL(NULL, NULL)', 'true'],
    ['1 IS DISTINCT FROM NULL', 'true'],
    ["'b' BETWEEN 'a' AND 'c'", 'true'],
    ['3 NOT IN (1, 2)', 'true'],
  ],
  'sql-reference/operators-string': [
    ["'a' || 'b'", 'ab', 'VARCHAR(2)'],
    ["'a' || NULL", null],
    ["'a' || 1.50", 'a1.50'],
  ],
  'sql-reference/data-type-conversion, functions/cast': [
    ["'1.5'::INT", '2', 'NUMBER(38,0)'],
    ["' 12.345 '::NUMBER(10,2)", '12.35', 'NUMBER(10,2)'],
    ['1.5::VARCHAR', '1.5', 'VARCHAR(16777216)'],
    ['1.0::FLOAT::VARCHAR', '1'],
    ['TRUE::VARCHAR', 'true'],
    ["'yes'::BOOLEAN", 'true'],
    ['0::BOOLEAN', 'false'],
    ["TRY_CAST('x' AS INT)", null],
    ["TRY_CAST('5' AS NUMBER(3,1))", '5.0', 'NUMBER(3,1)'],
    ["TO_NUMBER('12.3456', 10, 1)", '12.3', 'NUMBER(10,1)'],
    ["TRY_TO_DATE('2024-13-01')", null],
    ["'ABCD'::BINARY::VARCHAR", 'ABCD'],
    ["TO_VARCHAR(TO_BINARY('SNOW', 'utf-8'), 'hex')", '534E4F57'],
  ],
  'sql-reference/functions/dateadd, datediff': [
    ["DATEADD(month, 1, '2023-01-31'::DATE)", '2023-02-28', 'DATE'],
    ["DATEADD(hour, 2, '2013-04-05'::DATE)", '2013-04-05 02:00:00', 'TIMESTAMP_NTZ(9)'],
    ["DATEADD(day, -7, '2024-03-01 10:00:00'::TIMESTAMP_NTZ)", '2024-02-23 10:00:00'],
    ["DATEDIFF(year, '2010-04-09 14:39:20'::TIMESTAMP, '2013-05-08 23:39:20'::TIMESTAMP)", '3'],
    ["DATEDIFF(month, '2021-01-01'::DATE, '2021-02-28'::DATE)", '1'],
    ["DATEDIFF(day, '2024-01-01 23:59:59'::TIMESTAMP, '2024-01-02 00:00:00'::TIMESTAMP)", '1'],
    ["DATEDIFF(second, '2024-01-01 00:00:00'::TIMESTAMP, '2024-01-01 00:00:10'::TIMESTAMP)", '10'],
    ["DATEDIFF(hour, '2024-01-01 10:59:00', '2024-01-01 11:01:00')", '1'],
    ["DATEDIFF(week, '2024-01-07'::DATE, '2024-01-08'::DATE)", '1'],
  ],
  'sql-reference/functions/date_trunc, date_part, last_day, add_months': [
    ["DATE_TRUNC('month', '2024-03-15'::DATE)", '2024-03-01', 'DATE'],
    ["DATE_TRUNC('hour', '2024-03-15 10:59:01'::TIMESTAMP)", '2024-03-15 10:00:00'],
    ["DATE_TRUNC('week', '2024-03-17'::DATE)", '2024-03-11'],
    ["DATE_PART(epoch_second, '2024-01-01 00:00:00'::TIMESTAMP)", '1704067200'],
    ["DATE_PART(EPOCH_MICROSECOND, '1969-12-31 23:59:59.999999'::TIMESTAMP)", '-1'],
    ["EXTRACT(year FROM '2024-01-01'::DATE)", '2024'],
    ["DAYOFWEEK('2024-03-17'::DATE)", '0'],
    ["DAYOFWEEKISO('2024-03-17'::DATE)", '7'],
    ["LAST_DAY('2024-02-10'::DATE)", '2024-02-29'],
    ["ADD_MONTHS('2016-02-29'::DATE, 1)", '2016-03-31'],
    ["'2024-01-31'::DATE + INTERVAL '1 month, 1 day'", '2024-03-01'],
  ],
  'sql-reference/functions/to_timestamp, to_char, date-time-input-output': [
    ["TO_TIMESTAMP('04/05/2013 01:02:03', 'MM/DD/YYYY HH24:MI:SS')", '2013-04-05 01:02:03', 'TIMESTAMP_NTZ(9)'],
    ['TO_TIMESTAMP(1704067200)', '2024-01-01 00:00:00'],
    ['TO_TIMESTAMP_NTZ(1704067200123, 3)', '2024-01-01 00:00:00.123'],
    ["TO_VARCHAR('2013-04-05 01:02:03'::TIMESTAMP, 'mm/dd/yyyy, hh24:mi:ss')", '04/05/2013, 01:02:03'],
    ["'2024-01-01 01:02:03.456789'::TIMESTAMP_NTZ::VARCHAR", '2024-01-01 01:02:03.456'],
    ["'2024-01-01 01:02:03'::TIMESTAMP_LTZ::VARCHAR", '2024-01-01 01:02:03.000 +0000'],
    ["'2024-01-01 01:02:03.456'::TIMESTAMP_NTZ(0)", '2024-01-01 01:02:03'],
    ["'10:11:12.5'::TIME", '10:11:12.5', 'TIME(9)'],
  ],
  'sql-reference/expressions-conditional': [
    ["IFF(NULL, 'yes', 'no')", 'no'],
    ['NVL(NULL, 3)', '3'],
    ['NVL2(NULL, 1, 2)', '2'],
    ['ZEROIFNULL(NULL)', '0'],
    ['NULLIF(0, 0)', null],
    ["DECODE(NULL, NULL, 'null', 'other')", 'null'],
    ['GREATEST(1, NULL, 3)', null],
    ['GREATEST_IGNORE_NULLS(1, NULL, 3)', '3'],
    ['CASE WHEN 1 = 2 THEN 1.5 END', null, 'NUMBER(2,1)'],
    ['COALESCE(NULL, 1, 2.50)', '1.00', 'NUMBER(3,2)'],
  ],
  'sql-reference/functions-string': [
    ["SPLIT_PART('11.22.33', '.', 0)", '11'],
    ["SPLIT_PART('11.22.33', '.', -1)", '33'],
    ["SUBSTR('testing 1 2 3', 9, 5)", '1 2 3'],
    ["SUBSTR('mystring', 0, 2)", 'my'],
    ["SUBSTR('abc', -2)", 'bc'],
    ["CONCAT_WS(',', 'one', NULL)", null],
    ["POSITION('an', 'banana', 3)", '4'],
    ["LPAD('123', 6, '0')", '000123'],
    ["INITCAP('the quick')", 'The Quick'],
    ["LENGTH('Joyeux Noël')", '11'],
    ["MD5('Snowflake')", 'edf1439075a83a447fb8b630ddc9c8de', 'VARCHAR(32)'],
    ["SHA1('Snowflake')", 'fda76b0bcc1e87cf259b1d1e3271d76f590fb5dd'],
    ["LENGTH(SHA2('Snowflake'))", '64'],
    ["'San Francisco' RLIKE 'San'", 'false'],
    ["'San Francisco' RLIKE 'San.*'", 'true'],
    ["'abc' ILIKE 'A%'", 'true'],
    ["'100%' LIKE '100^%' ESCAPE '^'", 'true'],
    ["'abc' LIKE ANY ('x%', 'a%')", 'true'],
    ["REGEXP_REPLACE('a1b22', '[0-9]+', '#')", 'a#b#'],
  ],
  'sql-reference/functions-numeric': [
    ['ROUND(2.5)', '3'],
    ['ROUND(-2.5)', '-3'],
    ['ROUND(135.135, -2)', '100'],
    ['ROUND(135.135, 2)', '135.14'],
    ['CEIL(135.135)', '136'],
    ['CEIL(-135.135)', '-135'],
    ['FLOOR(-135.135)', '-136'],
    ['TRUNC(-975.975, 1)', '-975.9'],
    ['MOD(7, 3)', '1'],
    ['DIV0(1, 0)', '0.000000'],
  ],
  'user-guide/querying-semistructured': [
    [`PARSE_JSON('{"a":{"b":["x","y"]}}'):a.b[1]`, '"y"', 'VARIANT'],
    [`PARSE_JSON('{"a":{"b":["x","y"]}}'):a.b[1]::STRING`, 'y'],
    [`PARSE_JSON('{"a":"5"}'):a::INT + 1`, '6'],
    [`PARSE_JSON('{"A":1}'):a`, null],
    [`PARSE_JSON('{"a b":1}')['a b']::INT`, '1'],
    [`PARSE_JSON('{"a":null}'):a`, 'null'],
    [`PARSE_JSON('{"a":null}'):a::STRING`, null],
    [`PARSE_JSON('{"a":null}'):a IS NULL`, 'false'],
    [`PARSE_JSON('{"n":1.0}') = PARSE_JSON('{ "n" : 1 }')`, 'true'],
    [`TYPEOF(PARSE_JSON('1.912e2'))`, 'DOUBLE'],
    ["TYPEOF(TO_VARIANT('a'))", 'VARCHAR'],
    ["TRY_PARSE_JSON('{')", null],
    ["PARSE_JSON('')", null],
  ],
  'sql-reference/functions/object_construct, array_construct': [
    ["OBJECT_CONSTRUCT('b', 1, 'a', 'x', 'n', NULL)", '{"a":"x","b":1}', 'OBJECT'],
    ["OBJECT_CONSTRUCT_KEEP_NULL('n', NULL)", '{"n":null}'],
    ["ARRAY_CONSTRUCT(1, 'a', NULL)", '[1,"a",null]', 'ARRAY'],
    ['ARRAY_SIZE(ARRAY_CONSTRUCT(1, 2))', '2'],
    ["ARRAY_CONTAINS('a'::VARIANT, ARRAY_CONSTRUCT('a'))", 'true'],
    ["{'k': [1, 2]}", '{"k":[1,2]}'],
  ],
  'sql-reference/functions-context': [
    ['CURRENT_DATABASE()', 'DB'],
    ['CURRENT_ROLE()', 'SYSADMIN'],
    ['CURRENT_TIMESTAMP()', '2026-11-20 12:00:00.123456+00', 'TIMESTAMP_LTZ(9)'],
    ['CURRENT_DATE', '2026-11-20', 'DATE'],
    ['LAST_QUERY_ID()', 'q2'],
  ],
}

describe.each(Object.entries(PAGES))('%s', (_page, cases) => {
  test.each(cases)('%s → %s', async (sql, value, type) => {
    const { rows, types } = await session.run(`SELECT ${sql} AS X`)
    expect(rows).toEqual([[value]])
    if (type !== undefined) expect(types).toEqual([type])
  })
})
