import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson, JsonError } from './canonical-json.ts'

// docs: sql-reference/functions/parse_json, sql-reference/functions/typeof (its table of JSON inputs), user-guide/semistructured-considerations
test.each([
  [' { "b" : 1 , "a" : [ true , null ] } ', '{"a":[true,null],"b":1}'],
  ['1.912e2', '1.912000000000000e+02'],
  ['-17', '-17'],
  ['123.120', '123.12'],
  ['-0', '0'],
  ['12345678901234567890123456789012345678', '12345678901234567890123456789012345678'],
  ['123456789012345678901234567890123456789', '1.2345678901234568e+38'],
  [String.raw`"\u00fc\n"`, String.raw`"ü\n"`],
])('%s is kept as %s', (text, expected) => {
  expect(canonicalJson(text)).toBe(expected)
})

test.each(['{', '{"a":1,"a":2}', '[1', 'nul', '"abc', '{"a" 1}', '1 2', String.raw`"\ud800"`, '01x'])(
  '%s is no JSON',
  (text) => {
    expect(() => canonicalJson(text)).toThrow(JsonError)
  },
)

test('the order of keys and blanks makes no difference, and nothing else is lost', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value)
      expect(JSON.parse(canonicalJson(text))).toEqual(JSON.parse(text))
      expect(canonicalJson(JSON.stringify(value, null, 3))).toBe(canonicalJson(text))
    }),
  )
})
