import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hasUnpairedSurrogate } from './json-escape.ts'
import { WireBuffer } from './wire-buffer.ts'

const unit = fc.constantFrom(
  '\\ud800',
  '\\uDBFF',
  '\\udc00',
  '\\uDFFF',
  '\\ud7ff',
  '\\ue000',
  '\\u0000',
  '\\\\',
  '\\"',
  '\\n',
  'u',
  'd800',
  'é',
  'x',
)

test('agrees with what JavaScript makes of the same JSON', () => {
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 12 }), fc.constantFrom(0, 200), (units, spaces) => {
      const json = `{${' '.repeat(spaces)}"a": "${units.join('')}"}`
      const source = new WireBuffer(Buffer.from(`??${json}\\ud800`))
      const { a } = JSON.parse(json) as { a: string }
      expect(hasUnpairedSurrogate(source, 2, Buffer.byteLength(json))).toBe(!a.isWellFormed())
    }),
    { numRuns: 2000 },
  )
})
