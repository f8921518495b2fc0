import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readPlaces } from './written-place.ts'

test('a rule and a calendar are found where they are written, and a rule of a column is not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'written-place-'))
  try {
    const file = join(folder, 'simplyload.yaml')
    const rules =
      '        rules:\n          - { name: one, condition: a }\n          - name: two\n            condition: b\n'
    writeFileSync(
      file,
      `calendars:\n  de: { country: DE }\nsources:\n  m:\n    tables:\n      - name: t\n${rules}      - plain\n`,
    )
    const { ofRule: placeOf, ofCalendar } = await readPlaces(file)
    const at = (table: string, rule: string) => placeOf({ source: 'm', table, rule })
    expect([at('t', 'one'), at('t', 'two')]).toEqual(['simplyload.yaml:8:13', 'simplyload.yaml:9:13'])
    expect([ofCalendar('de'), ofCalendar('fr')]).toEqual(['simplyload.yaml:2:3', undefined])
    expect([at('t', 'three'), at('u', 'one'), placeOf({ source: 'x', table: 't', rule: 'one' })]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
