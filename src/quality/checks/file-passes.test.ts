import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { fileSet } from '../../../test/support/file-set.ts'
import { findFiles } from '../../file-sets/find-files.ts'
import { CheckDatabase } from './check-database.ts'
import { FilePasses } from './file-passes.ts'

const folder = mkdtempSync(join(tmpdir(), 'simplyload-passes-'))
afterAll(() => rmSync(folder, { recursive: true }))
const never = new AbortController().signal

test('a packed file that cannot be read in a later pass is an error, and not a file with fewer rows', async () => {
  const path = join(folder, 'sales.tsv.gz')
  writeFileSync(path, gzipSync('id\n1\n2\n3\n'))
  const [file] = await findFiles({ sets: [fileSet({ path: 'sales.tsv.gz' })], folder }, never)
  await using database = await CheckDatabase.open({ memoryBytes: 2 ** 30, threads: 2, folder, paths: [path] })
  const passes = await FilePasses.open(file!, { database, folder, onBytes: () => undefined }, never)
  const rows = (before: () => void) =>
    passes.pass({}, never, (pass) => {
      before()
      return pass.rows(`${pass.relation.prologue}SELECT count(*)::INT FROM file`)
    })
  expect(await rows(() => undefined)).toEqual({ rows: [[3]] })
  await expect(rows(() => rmSync(path))).rejects.toMatchObject({ code: 'source_file' })
})
