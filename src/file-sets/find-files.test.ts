import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fileSet } from '../../test/support/file-set.ts'
import { describeError, PipelineError } from '../core/errors.ts'
import type { FileSet } from '../core/file-set.ts'
import { changeOf, fileChecksum, identifyFile } from './file-fingerprint.ts'
import { findFiles, matchFiles } from './find-files.ts'

const never = new AbortController().signal
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'find-files-'))
  const write = (name: string, content: string | Buffer = 'id\n1\n') => {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  for (const month of ['2024-02', '2023-12', '2024-10']) write(`data/sales_${month}.tsv`)
  write('data/notes.txt')
  write('data/.sales_2024-03.tsv')
  write('data/sales_2024-03.tsv.part')
  write('parts/region=north/2024-01.csv')
  write('parts/region=south/2024-01.csv')
  write('packed/a.csv', gzipSync('id\n1\n'))
  write('packed/b.csv', zstdCompressSync('id\n1\n'))
  write('packed/c.csv.gz', '')
  write('packed/d.csv.gz')
  symlinkSync(join(folder, 'parts'), join(folder, 'parts/loop'))
})
afterAll(() => rmSync(folder, { recursive: true }))

async function names(sets: readonly FileSet[], paths?: readonly string[]) {
  return (await findFiles({ sets, folder, paths }, never)).map(({ name }) => name)
}

async function failure(sets: readonly FileSet[], paths?: readonly string[]): Promise<string> {
  const error = await findFiles({ sets, folder, paths }, never).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(PipelineError)
  return `${describeError(error)} / ${(error as PipelineError).hint}`
}

test('files come by period, and only those that the path takes', async () => {
  expect(await names([fileSet({ path: 'data/sales_{yyyy}-{mm}.tsv' })])).toEqual([
    'data/sales_2023-12.tsv',
    'data/sales_2024-02.tsv',
    'data/sales_2024-10.tsv',
  ])
})

test('partitions are found at their depth, links that lead in circles included', async () => {
  const found = await findFiles({ sets: [fileSet({ path: 'parts/region={region}/{yyyy}-{mm}.csv' })], folder }, never)
  expect(found.map(({ name }) => name)).toEqual(['parts/region=north/2024-01.csv', 'parts/region=south/2024-01.csv'])
  expect(found[0]).toMatchObject({ bytes: 5, compression: 'none', period: { name: '2024-01' } })
  const all = await matchFiles({ sets: [fileSet({ path: 'parts/**/{yyyy}-{mm}.csv' })], folder }, never)
  expect(all.length).toBeGreaterThanOrEqual(2)
})

test('the first bytes say how a file is packed, an empty one goes by its name', async () => {
  const found = await findFiles({ sets: [fileSet({ path: 'packed/*.csv*' })], folder }, never)
  expect(found.map(({ name, compression }) => [name, compression])).toEqual([
    ['packed/a.csv', 'gzip'],
    ['packed/b.csv', 'zstd'],
    ['packed/c.csv.gz', 'gzip'],
    ['packed/d.csv.gz', 'none'],
  ])
  const [plain] = await findFiles({ sets: [fileSet({ path: 'packed/d.csv.gz', compression: 'gzip' })], folder }, never)
  expect(describeError(plain?.problem)).toContain(
    'says compression: gzip, and its first bytes are those of a plain file',
  )
})

test('a file that is named must belong to exactly one set', async () => {
  const sales = fileSet({ name: 'sales', path: 'data/sales_{yyyy}-{mm}.tsv' })
  const every = fileSet({ name: 'every', path: 'data/*.tsv' })
  expect(await names([sales], ['data/sales_2024-02.tsv'])).toEqual(['data/sales_2024-02.tsv'])
  expect(await names([sales], ['data'])).toHaveLength(3)
  expect(await names([sales], ['data/*2024*.tsv'])).toHaveLength(2)
  expect(await failure([sales], ['data/notes.txt'])).toContain('data/notes.txt failed: the path of no table fits it')
  const both = await failure([sales, every], ['data/sales_2024-02.tsv'])
  expect(both).toContain('monthly.files.sales (data/sales_{yyyy}-{mm}.tsv) and monthly.files.every (data/*.tsv) fit it')
  expect(both).toContain('narrower')
})

test('what is not there is told', async () => {
  const sales = fileSet({ path: 'data/sales_{yyyy}-{mm}.tsv' })
  expect(await failure([sales], ['data/gone.tsv'])).toContain('there is no such file or folder')
  expect(await failure([fileSet({ path: 'gone/*.tsv' })])).toContain('gone failed: there is no such file or folder')
  expect(await failure([fileSet({ path: 'data/other_*.tsv' })])).toContain('has the path data/other_*.tsv')
  expect(await failure([])).toContain('no source of type files')
  expect(await failure([fileSet({ path: 'data' })])).toContain('no file in')
  symlinkSync('itself.tsv', join(folder, 'itself.tsv'))
  expect(await failure([fileSet({ path: 'itself.tsv' })], ['itself.tsv'])).toContain('a link that leads back to itself')
})

test.skipIf(process.getuid?.() === 0)('what this user may not read is found with that as its problem', async () => {
  writeFileSync(join(folder, 'secret.csv'), 'id\n1\n', { mode: 0o000 })
  const [secret] = await findFiles({ sets: [fileSet({ path: 'secret.csv' })], folder }, never)
  expect(secret).toMatchObject({ bytes: 5, problem: { code: 'source_permission' } })
})

test('a file that is gone when it is looked at is found with that as its problem', async () => {
  symlinkSync('nowhere.csv', join(folder, 'dangling.csv'))
  const [dangling] = await findFiles({ sets: [fileSet({ path: 'dangling.csv' })], folder }, never)
  expect(describeError(dangling?.problem)).toContain('there is no such file')
})

test('a month that does not exist is an error that names the file', async () => {
  writeFileSync(join(folder, 'wrong_2024-13.csv'), '')
  const message = await failure([fileSet({ path: 'wrong_{yyyy}-{mm}.csv' })])
  expect(message).toContain('wrong_2024-13.csv failed: there is no month 13')
})

test('a file that grows or is written again is another file', async () => {
  const path = join(folder, 'grows.csv')
  writeFileSync(path, 'a\n')
  const before = await identifyFile(path)
  expect(await changeOf(before)).toBeUndefined()
  expect(await fileChecksum(path, never)).toBe(
    'sha256:87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7',
  )
  writeFileSync(path, 'a\nb\n')
  expect(await changeOf(before)).toBe('it had 2 bytes and has 4')
  await expect(identifyFile(folder)).rejects.toMatchObject({ code: 'source_file' })
})
