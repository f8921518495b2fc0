import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readRulePlaces } from './rule-place.ts'

test('a rule is found where it is written, and one of a column is not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rule-place-'))
  try {
    const file = join(folder, 'simplyload.yaml')
    const rules =
      '        rules:\n          - { name: one, condition: a }\n          - name: two\n            condition: b\n'
    writeFileSync(file, `sources:\n  m:\n    tables:\n      - name: t\n${rules}      - plain\n`)
    const placeOf = await readRulePlaces(file)
    const at = (table: string, rule: string) => placeOf({ source: 'm', table, rule })
    expect([at('t', 'one'), at('t', 'two')]).toEqual(['simplyload.yaml:6:13', 'simplyload.yaml:7:13'])
    expect([at('t', 'three'), at('u', 'one'), placeOf({ source: 'x', table: 't', rule: 'one' })]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
