import fc from 'fast-check'
import { expect, test } from 'vitest'
import { displayWidth, fitted, printable, wrap } from './terminal-text.ts'

test('wide and combining characters count as a terminal shows them', () => {
  expect(['abc', '注文', 'e\u0301', '📦', 'über'].map(displayWidth)).toEqual([3, 4, 1, 2, 4])
})

test('fitted text has exactly the width, however it is cut', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.integer({ min: 1, max: 40 }),
      fc.boolean(),
      fc.boolean(),
      (text, width, left, start) => {
        const result = fitted(printable(text), width, left ? 'left' : 'right', start ? 'start' : 'end')
        expect(displayWidth(result)).toBe(width)
      },
    ),
  )
})

test('a long name keeps the end that tells it apart', () => {
  expect(fitted('public.a_very_long_name_2024', 12, 'left', 'start')).toBe('…g_name_2024')
})

test('wrapping loses no word', () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 }),
      fc.integer({ min: 1, max: 30 }),
      (words, width) => {
        expect(wrap(words.join(' '), width).join(' ')).toBe(words.join(' '))
      },
    ),
  )
})
