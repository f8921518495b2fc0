import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { CSV, fileColumns, fileSet, TSV } from '../../../test/support/file-set.ts'
import { MAY_MOUNT, SmallDisk } from '../../../test/support/small-disk.ts'
import type { FoundFile } from '../../core/file-set.ts'
import { compressionOf, identifyFile } from '../../file-sets/file-fingerprint.ts'
import { cutFile, type PartStart } from './file-parts.ts'

const folder = mkdtempSync(join(tmpdir(), 'file-parts-'))
afterAll(() => rmSync(folder, { recursive: true }))
const never = new AbortController().signal
const COLUMNS = fileColumns({ id: 'int64', note: 'text' })

async function found(name: string, content: string | Uint8Array, format = TSV): Promise<FoundFile> {
  const path = join(folder, name)
  writeFileSync(path, content)
  const set = fileSet({ columns: COLUMNS, format })
  return { ...(await identifyFile(path)), set, name, compression: await compressionOf(path), period: undefined }
}

async function partsOf(file: FoundFile, start: PartStart = { offset: 0, range: 0 }, partBytes = 300, scratch = folder) {
  const parts: {
    text: string
    records: number | undefined
    line: number
    from: number
    next: number
    number: number
  }[] = []
  for await (const part of cutFile(file, start, { scratch, partBytes }, never)) {
    const { records, line, from, next, number } = part
    parts.push({ text: readFileSync(part.path, 'utf8'), records, line, from, next, number })
    await part.release()
  }
  return parts
}

const rows = Array.from({ length: 200 }, (_, index) => `${index}\tnote ${'x'.repeat(index % 40)}\n`)
const quoted = Array.from({ length: 100 }, (_, index) => `${index},"two\nlines, ""${'y'.repeat(index % 30)}"""\n`)

test.each([
  ['plain', 'plain.tsv', `id\tnote\n${rows.join('')}`, TSV, rows],
  ['without a line end at the end', 'open.tsv', `id\tnote\n${rows.join('').trimEnd()}`, TSV, rows],
  ['gzip', 'packed.tsv.gz', gzipSync(`id\tnote\n${rows.join('')}`), TSV, rows],
  ['quotes with line ends', 'quoted.csv', `id,note\n${quoted.join('')}`, CSV, quoted],
])('parts end with records and are the file together: %s', async (_, name, content, format, expected) => {
  const parts = await partsOf(await found(name, content, format))
  expect(parts.length).toBeGreaterThan(5)
  expect(
    parts
      .map(({ text }) => text)
      .join('')
      .trimEnd(),
  ).toBe(expected.join('').trimEnd())
  expect(parts.reduce((sum, { records }) => sum + (records ?? 0), 0)).toBe(expected.length)
  for (const { text } of parts.slice(0, -1)) expect(expected.some((record) => text.endsWith(record))).toBe(true)
  for (const [index, part] of parts.entries()) if (index > 0) expect(part.from).toBe(parts[index - 1]?.next)
})

test.each(['plain.tsv', 'packed.tsv.gz'])('a part that is begun again is the one that it was: %s', async (name) => {
  const content = `id\tnote\n${rows.join('')}`
  const file = await found(name, name.endsWith('.gz') ? gzipSync(content) : content)
  const all = await partsOf(file)
  const third = all[3]
  const rest = await partsOf(file, { offset: third?.from ?? 0, range: 3 })
  expect(rest.map(({ text }) => text)).toEqual(all.slice(3).map(({ text }) => text))
  expect(rest[0]?.number).toBe(3)
})

test('a file without a record is one empty part', async () => {
  expect(await partsOf(await found('empty.tsv', 'id\tnote\n'))).toMatchObject([{ text: '', records: 0 }])
})

test.runIf(MAY_MOUNT)('a full disk is told as one, with what to do', async () => {
  await using disk = SmallDisk.create(1)
  const file = await found('large.tsv', `id\tnote\n${`1\t${'z'.repeat(1000)}\n`.repeat(2_000)}`)
  const cut = partsOf(file, undefined, 4 << 20, disk?.folder)
  await expect(cut).rejects.toMatchObject({ code: 'stage_full', hint: expect.stringContaining('Free space') })
})
