import { expect, test } from 'vitest'
import { tokenize } from './lexer.ts'
import type { SnowflakeError } from './snowflake-error.ts'

const texts = (sql: string) => tokenize(sql).map(({ type, value }) => `${type}:${value}`)

// docs: sql-reference/data-types-text, "String constants"
test('strings know doubled quotes, backslashes, code points and dollars', () => {
  expect(
    tokenize(String.raw`'it''s' 'a\tb\\' '\u26c4' '\x41' $$a'b\n$$`)
      .slice(0, 5)
      .map(({ value }) => value),
  ).toEqual(["it's", 'a\tb\\', '⛄', 'A', String.raw`a'b\n`])
})

// docs: sql-reference/identifiers-syntax
test('words are upper-case unless they are quoted', () => {
  expect(texts('tAb."cOl" a$b').slice(0, 4)).toEqual(['word:TAB', 'symbol:.', 'quoted:cOl', 'word:A$B'])
  expect(tokenize('"a ""b"""')[0]?.value).toBe('a "b"')
})

test('comments of all three kinds are blanks', () => {
  expect(texts('1 -- x\n// y\n/* z; */ 2')).toEqual(['number:1', 'number:2', 'end:'])
})

test('locations of stages and files are one token each', () => {
  expect(texts('@db.s."My stage"/a/b.parquet)')).toEqual(['stage:@db.s."My stage"/a/b.parquet', 'symbol:)', 'end:'])
  expect(texts('PUT file:///tmp/a-b.parquet @~/x')).toEqual([
    'word:PUT',
    'file:file:///tmp/a-b.parquet',
    'stage:@~/x',
    'end:',
  ])
})

test('what ends too early is refused with its place', () => {
  expect(() => tokenize("select\n 'abc")).toThrowError(
    expect.objectContaining<Partial<SnowflakeError>>({ code: '001003', sqlState: '42000', line: 2, position: 1 }),
  )
})
