import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { fileSet } from '../../../test/support/file-set.ts'
import { suggestFiles } from './suggest-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'file-suggestions-'))
afterAll(() => rmSync(folder, { recursive: true }))
const never = new AbortController().signal

test('files are told the set that takes them, or get a proposed one', async () => {
  mkdirSync(join(folder, 'data'))
  writeFileSync(join(folder, 'data/sales_2024-03.csv'), 'id,day\n1,2024-03-01\n')
  writeFileSync(join(folder, 'data/known.tsv'), 'id\n1\n')
  const setting = { sets: [fileSet({ path: 'data/*.tsv' })], folder, scratch: join(folder, 'scratch') }
  const paths = ['data/known.tsv', 'data/sales_2024-03.csv'].map((name) => join(folder, name))
  const [known, sales] = await suggestFiles(setting, paths, never)
  expect(known).toEqual({ file: 'data/known.tsv', sets: ['monthly.files.sales'], yaml: undefined, reasons: [] })
  expect(sales).toMatchObject({ file: 'data/sales_2024-03.csv', sets: [] })
  expect(sales?.yaml).toContain('    path: data/sales_{yyyy}-{mm}.csv\n    format: csv\n')
  // One of the same kind is said to be that.
  writeFileSync(join(folder, 'data/sales_2024-04.csv'), 'id,day\n2,2024-04-01\n')
  writeFileSync(join(folder, 'data/photo.jpg'), '')
  const ofFolder = await suggestFiles(setting, [join(folder, 'data')], never)
  expect(ofFolder).toEqual([
    known,
    { file: 'data/photo.jpg', sets: [], reasons: [], problem: expect.stringContaining('it is empty') },
    sales,
    { file: 'data/sales_2024-04.csv', sets: [], yaml: undefined, reasons: [], alike: 'sales' },
  ])
  expect(readdirSync(setting.scratch)).toEqual([])
  await expect(suggestFiles(setting, [], never)).rejects.toMatchObject({ code: 'config_invalid' })
})
