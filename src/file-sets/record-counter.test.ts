import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { CSV, fileColumns, fileSet, TSV } from '../../test/support/file-set.ts'
import type { DelimitedFormat, FoundFile } from '../core/file-set.ts'
import { compressionOf, fileChecksum, identifyFile } from './file-fingerprint.ts'
import { countRecords } from './record-counter.ts'
import { recordRanges } from './record-ranges.ts'
import { CHUNK_BYTES } from './unpack-file.ts'
import { Utf8Check } from './utf8-check.ts'

const never = new AbortController().signal
const folder = mkdtempSync(join(tmpdir(), 'record-counter-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

async function written(content: string | Buffer, format: DelimitedFormat = CSV): Promise<FoundFile> {
  const path = join(folder, `file-${files++}`)
  writeFileSync(path, content)
  const set = fileSet({ format, columns: fileColumns({ id: 'int64', name: 'text' }) })
  return { ...(await identifyFile(path)), set, name: path, compression: await compressionOf(path), period: undefined }
}

async function count(content: string | Buffer, format?: DelimitedFormat) {
  return await countRecords(await written(content, format), {}, never)
}

const TEXT = `id,name\n${Array.from({ length: 300_000 }, (_, index) => `${index},value ${index * 7}\n`).join('')}`

test.each([
  ['cut gzip', gzipSync(TEXT).subarray(0, -20), 'it ends in the middle of the packed data: it was cut'],
  ['cut zstd', zstdCompressSync(TEXT).subarray(0, -20), 'it ends in the middle of the packed data: it was cut'],
  ['gzip with a wrong checksum', flipped(gzipSync(TEXT), 8), 'the checksum of the packed data is wrong'],
  [
    'gzip with garbage behind it',
    Buffer.concat([gzipSync(TEXT), Buffer.from('garbage')]),
    'bytes follow the packed data that are none themselves',
  ],
  [
    'a small gzip with garbage behind it',
    Buffer.concat([gzipSync('id,name\n1,a\n'), Buffer.from('garbage')]),
    'bytes follow the packed data that are none themselves',
  ],
  [
    'zstd with garbage behind it',
    Buffer.concat([zstdCompressSync(TEXT), Buffer.from('garbage')]),
    '7 bytes follow the packed data that are none themselves',
  ],
])('%s is not whole, and the reason is told', async (_, content, incomplete) => {
  expect(await count(Buffer.from(content))).toMatchObject({ incomplete, checksum: undefined })
})

function flipped(bytes: Buffer, fromEnd: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[copy.length - fromEnd] = (copy[copy.length - fromEnd] ?? 0) ^ 1
  return copy
}

test('gzip that is filled up with zeros is whole', async () => {
  const { records, incomplete, unpackedBytes } = await count(Buffer.concat([gzipSync(TEXT), Buffer.alloc(512)]))
  expect({ records, incomplete, unpackedBytes }).toEqual({
    records: 300_000,
    incomplete: undefined,
    unpackedBytes: TEXT.length,
  })
})

test.each([
  ['an empty file', '', { records: 0, header: undefined }],
  ['a header alone', 'id,name\n', { records: 0, header: ['id', 'name'] }],
  ['a header without an end', 'id,name', { records: 0, header: ['id', 'name'] }],
  ['a byte order mark', '\ufeffid,name\n1,a\n', { records: 1, header: ['id', 'name'], bom: 'utf-8' }],
  ['Latin-1 that says it is UTF-8', Buffer.from('id,name\n1,Jürgen\n', 'latin1'), { records: 1, invalidAt: 11 }],
  ['a character that is cut', Buffer.from('id,name\n1,ä').subarray(0, -1), { records: 1, invalidAt: 10 }],
  ['zeros', 'id,name\n1,a\n\0\0,b\n', { records: 2, firstNul: 12 }],
  ['an open quote', 'id,name\n1,a\n2,"b\n3,c\n', { records: 2, unclosedQuote: { line: 3, byteOffset: 14 } }],
  ['mixed line ends', 'id,name\n1,a\r\n2,b\n', { records: 2, lineEnds: { lf: 1, crlf: 1, cr: 0 } }],
])('%s is told', async (_, content, expected) => {
  expect(await count(content)).toMatchObject({ ...expected, incomplete: undefined })
})

test('half a character of UTF-16 is told', async () => {
  const format = { ...CSV, encoding: 'utf-16' } as const
  const text = Buffer.from('id,name\n1,a\n', 'utf16le')
  expect(await count(Buffer.concat([text, Buffer.from([0x00, 0xd8, 0x61, 0x00])]), format)).toMatchObject({
    invalidAt: 24,
  })
  expect(await count(Buffer.concat([text, Buffer.from([0x61])]), format)).toMatchObject({ invalidAt: 24, records: 2 })
})

test('a file that grows while it is read is not whole', async () => {
  const file = await written(TEXT)
  let grown = false
  const onBytes = () => {
    if (!grown) appendFileSync(file.path, '1,a\n')
    grown = true
  }
  const { incomplete } = await countRecords(file, { onBytes }, never)
  expect(incomplete).toBe(`it changed while it was read: it had ${TEXT.length} bytes and has ${TEXT.length + 4}`)
})

test('the checksum is that of the file, packed or not, in the same pass', async () => {
  const frames = Buffer.concat([zstdCompressSync(TEXT), zstdCompressSync('1,a\n')])
  for (const content of [TEXT, gzipSync(TEXT), frames]) {
    const file = await written(content)
    let bytes = 0
    const { checksum } = await countRecords(file, { checksum: true, onBytes: (more) => (bytes += more) }, never)
    expect(checksum).toBe(await fileChecksum(file.path, never))
    expect(bytes).toBe(file.bytes)
  }
})

test('one line of many MiB is read piece by piece, and is no header', async () => {
  const file = await written(Buffer.alloc(4 << 20, 'x'), { ...TSV, header: false })
  const pieces: number[] = []
  const onBytes = (bytes: number) => pieces.push(bytes)
  expect(await countRecords(file, { onBytes }, never)).toMatchObject({ records: 1, lastLineEnded: false })
  expect(pieces).toEqual([1, 1, 1, 1].map((mebibytes) => mebibytes << 20))
  await expect(countRecords({ ...file, set: fileSet({ format: TSV }) }, {}, never)).rejects.toMatchObject({
    code: 'source_file',
    cause: { message: 'there is no end of its header in the first MiB' },
  })
})

test('ranges cover all records once, whatever they are like', async () => {
  const record = fc
    .array(fc.constantFrom('a', '"b\nc"', '""', 'ä'), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join(','))
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 40 }), fc.integer({ min: 1, max: 60 }), async (records, bytes) => {
      const text = `id\n${records.map((each) => `${each}\n`).join('')}`
      const file = await written(text)
      const counted = await countRecords(file, { markBytes: 5 }, never)
      const ranges = recordRanges(counted, bytes)
      const content = Buffer.from(text)
      expect(Buffer.concat(ranges.map(({ from, to }) => content.subarray(from, to)))).toEqual(content.subarray(3))
      for (const { from, to, records: expected } of ranges) {
        expect((await count(content.subarray(from, to), { ...CSV, header: false })).records).toBe(expected)
      }
      expect(counted.records).toBe(records.length)
    }),
    { numRuns: 40 },
  )
})

test('the first character that is no UTF-8 is found wherever the text is cut', () => {
  const piece = fc.constantFrom('a', 'ä', '€', '😀', '\ufeff').map((text) => Buffer.from(text))
  const wrong = fc
    .constantFrom([0x80], [0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x98], [0xff], [0xed, 0xa0, 0x80])
    .map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 40 }),
      fc.option(wrong),
      fc.array(piece, { maxLength: 8 }),
      fc.array(fc.nat(150), { maxLength: 5 }),
      (before, fault, after, cuts) => {
        const bytes = Buffer.concat([...before, ...(fault === null ? [] : [fault]), ...after])
        const check = new Utf8Check()
        const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
        for (const [index, place] of places.entries()) check.add(bytes.subarray(places[index - 1] ?? 0, place))
        check.end()
        expect(check.firstInvalid).toBe(fault === null ? undefined : Buffer.concat(before).length)
      },
    ),
    { numRuns: 1000 },
  )
})

test('a reader that is ahead waits until it may go on', async () => {
  const file = await written(Buffer.from(`id,name\n${'1,abcdefgh\n'.repeat(400_000)}`), CSV)
  let bytes = 0
  const atTurns: number[] = []
  const waitsAt = () => (atTurns.push(bytes) < 4 ? CHUNK_BYTES : Number.POSITIVE_INFINITY)
  const { records } = await countRecords(file, { waitsAt, onBytes: (more) => (bytes += more) }, never)
  expect(records).toBe(400_000)
  expect(Math.max(...atTurns.slice(0, 4))).toBeLessThanOrEqual(CHUNK_BYTES)
  expect(atTurns.length).toBeGreaterThan(4)
})
