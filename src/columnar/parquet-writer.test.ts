/** What we write is what DuckDB and hyparquet, two readers with nothing in common, find in the file. */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { int64s, openParquetFolder, type ParquetFolder, texts, vector } from '../../test/support/parquet-folder.ts'
import { ParquetWriter } from './parquet-writer.ts'
import { releaseVectors } from './vector-memory.ts'

let folder: ParquetFolder
beforeAll(async () => {
  folder = await openParquetFolder()
})
afterAll(() => folder[Symbol.asyncDispose]())

test('hyparquet reads the same', async () => {
  const count = 500
  const vectors = [
    int64s('c1', count, (row) => (row % 3 === 0 ? undefined : BigInt(row) * 10n ** 12n)),
    texts('c2', count, (row) => (row % 7 === 0 ? undefined : `text ${'é'.repeat(row % 20)} ${row}`)),
    vector('c3', { kind: 'bool' }, count, (builder, row) => {
      const at = builder.open(row, 1)
      builder.view.setUint8(at, row % 5 === 0 ? 1 : 0)
    }),
  ]
  const { path } = await folder.write((writer) => writer.writeRowGroup(vectors), {
    metadata: { table: 'public.orders' },
  })
  const bytes = await readFile(path)
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer
  const metadata = parquetMetadata(file)
  expect(metadata.key_value_metadata).toEqual([{ key: 'table', value: 'public.orders' }])
  expect(metadata.schema.map(({ name, field_id }) => [name, field_id])).toEqual([
    ['schema', undefined],
    ['c1', 1],
    ['c2', 2],
    ['c3', 3],
  ])
  const objects = await parquetReadObjects({
    file,
    compressors: { ZSTD: (input) => new Uint8Array(zstdDecompressSync(input)) },
  })
  expect(objects).toEqual(
    Array.from({ length: count }, (_, row) => ({
      c1: row % 3 === 0 ? null : BigInt(row) * 10n ** 12n,
      c2: row % 7 === 0 ? null : `text ${'é'.repeat(row % 20)} ${row}`,
      c3: row % 5 === 0,
    })),
  )
})

test('columns of many pages keep each value in its row', async () => {
  const count = 300_001
  const { path } = await folder.write((writer) =>
    writer.writeRowGroup([
      int64s('c1', count, (row) => BigInt(row)),
      int64s('c2', count, (row) => (row % 3 === 0 ? undefined : BigInt(row))),
      // NULLs alone in whole pages, values alone in others.
      int64s('c3', count, (row) => (row < 140_000 || row > 290_000 ? undefined : BigInt(row))),
      texts('c4', count, (row) => (row % 11 === 0 ? undefined : `value ${row}`)),
      texts('c5', count, (row) => (row % 2 === 0 ? `${row}` : undefined)),
      texts('c6', count, () => undefined),
      vector('c7', { kind: 'bool' }, count, (builder, row) => {
        if (row % 5 === 0) return
        const at = builder.open(row, 1)
        builder.view.setUint8(at, row % 2)
      }),
    ]),
  )
  const [found] = await folder.query(`
    SELECT count(*), count(*) FILTER (c1 IS DISTINCT FROM r), count(*) FILTER (c2 IS DISTINCT FROM if(r % 3 = 0, NULL, r)),
      count(*) FILTER (c3 IS DISTINCT FROM if(r < 140000 OR r > 290000, NULL, r)),
      count(*) FILTER (c4 IS DISTINCT FROM if(r % 11 = 0, NULL, 'value ' || r)),
      count(*) FILTER (c5 IS DISTINCT FROM if(r % 2 = 0, r::VARCHAR, NULL)), count(c6),
      count(*) FILTER (c7 IS DISTINCT FROM if(r % 5 = 0, NULL, r % 2 = 1))
    FROM (SELECT file_row_number AS r, * FROM read_parquet('${path}', file_row_number = true))`)
  expect(found!.map(String)).toEqual([String(count), '0', '0', '0', '0', '0', '0', '0'])
})

test('large values have a page each, NULLs between them included', async () => {
  const sizes = [0, 3, 1_000_000, 700_000, 64 * 1024 * 1024, 5, 2_000_000, 2_000_000, 1]
  const { path } = await folder.write((writer) =>
    writer.writeRowGroup([
      texts('c1', sizes.length * 3, (row) => (row % 3 === 0 ? 'x'.repeat(sizes[row / 3]!) : undefined)),
    ]),
  )
  const found = await folder.query(`SELECT length(c1), c1 = repeat('x', length(c1)) FROM '${path}'`)
  expect(found).toEqual(
    sizes.flatMap((size) => [
      [String(size), true],
      [null, null],
      [null, null],
    ]),
  )
})

test('row groups with different columns: what one lacks is NULL in it', async () => {
  const { path, rows: total } = await folder.write(async (writer) => {
    await writer.writeRowGroup([int64s('c1', 2, (row) => BigInt(row))])
    await writer.writeRowGroup([
      texts('_quarantine', 3, (row) => `q${row}`),
      int64s('c1', 3, (row) => BigInt(10 + row)),
      int64s('k1', 3, (row) => (row === 1 ? 5n : undefined)),
    ])
    await writer.writeRowGroup([int64s('c1', 1, () => 20n)])
  })
  expect(total).toBe(6)
  expect(await folder.query(`SELECT c1, k1, _quarantine FROM '${path}'`)).toEqual([
    ['0', null, null],
    ['1', null, null],
    ['10', null, 'q0'],
    ['11', '5', 'q1'],
    ['12', null, 'q2'],
    ['20', null, null],
  ])
})

test('a column may come after the row groups, as positions do at a commit', async () => {
  const counts = [5, 200_000, 3]
  const { path } = await folder.write(async (writer) => {
    for (const count of counts)
      await writer.writeRowGroup([texts('_op', count, () => 'i'), int64s('c1', count, (row) => BigInt(row))])
    for (const [group, count] of counts.entries()) {
      await writer.appendColumn(
        group,
        texts('_source_position', count, (row) => (row === 1 ? undefined : `${group}/${row}`)),
      )
    }
  })
  const [found] =
    await folder.query(`SELECT count(*), count(*) FILTER (_source_position IS NULL), count(DISTINCT _source_position),
    count(*) FILTER (c1 <> split_part(_source_position, '/', 2)::BIGINT), count(*) FILTER (_op = 'i') FROM '${path}'`)
  expect(found!.map(String)).toEqual(['200008', '3', '200005', '0', '200008'])
})

test('1,600 columns', async () => {
  const count = 40
  const { path } = await folder.write((writer) =>
    writer.writeRowGroup(
      Array.from({ length: 1600 }, (_, column) =>
        int64s(`c${column + 1}`, count, (row) => (row % 2 === 0 ? BigInt(column * row) : undefined)),
      ),
    ),
  )
  const [found] = await folder.query(`SELECT count(*), sum(c1600), count(c800), max(c2) FROM '${path}'`)
  expect(found!.map(String)).toEqual(['40', String(1599 * 380), '20', '38'])
})

test('a sink needs bytes only until its write resolves', async () => {
  for (const compression of ['none', 'light', 'full'] as const) {
    const given: Uint8Array[] = []
    const sink = {
      async write(bytes: Uint8Array) {
        given.push(Buffer.from(bytes))
      },
    }
    const writer = new ParquetWriter(sink, { metadata: {}, compression })
    const count = 200_000
    for (let group = 0; group < 3; group++) {
      const vectors = [
        int64s('c1', count, (row) => BigInt(group * count + row)),
        texts('c2', count, (row) => `${group} ${row}`),
      ]
      await writer.writeRowGroup(vectors)
      releaseVectors(vectors)
    }
    const { bytes } = await writer.finish()
    const whole = Buffer.concat(given)
    expect(whole.length).toBe(bytes)
    const path = join(folder.path, `${compression}.parquet`)
    await writeFile(path, whole)
    const [found] = await folder.query(
      `SELECT count(*), count(DISTINCT c1), max(c1), count(*) FILTER (c2 <> (c1 // ${count}) || ' ' || (c1 % ${count})) FROM '${path}'`,
    )
    expect(found!.map(String)).toEqual(['600000', '600000', '599999', '0'])
  }
})

test('where files are compressed lightly, columns that do not shrink much stay as they are', async () => {
  const count = 2_000
  const noise = (row: number) => createHash('sha256').update(String(row)).digest('base64')
  const { path } = await folder.write(
    async (writer) => {
      for (let group = 0; group < 3; group++)
        await writer.writeRowGroup([
          texts('c1', count, (row) => (row % 5 === 0 ? undefined : noise(row + group * count))),
          texts('c2', count, (row) => `customer ${row % 10}`),
          int64s('c3', count, (row) => BigInt((row + group * count) * 7919)),
        ])
    },
    { metadata: {}, compression: 'light' },
  )
  const codecs = `SELECT path_in_schema, string_agg(compression, ' ' ORDER BY row_group_id) FROM parquet_metadata('${path}') GROUP BY ALL ORDER BY ALL`
  expect(await folder.query(codecs)).toEqual([
    ['c1', 'ZSTD UNCOMPRESSED UNCOMPRESSED'],
    ['c2', 'ZSTD ZSTD ZSTD'],
    ['c3', 'ZSTD UNCOMPRESSED UNCOMPRESSED'],
  ])
  const sums = `SELECT count(c1), sum(length(c1)), count(DISTINCT c1), string_agg(c1, '' ORDER BY file_row_number) FROM read_parquet('${path}', file_row_number = true)`
  const expected = Array.from({ length: 3 * count }, (_, row) => (row % 5 === 0 ? '' : noise(row)))
  const [found] = await folder.query(sums)
  expect(found!.map(String)).toEqual(['4800', String(4800 * 44), '4800', expected.join('')])
})

test('an error of the sink is the error of the write', async () => {
  const writer = new ParquetWriter(
    {
      async write() {
        throw new Error('no space left')
      },
    },
    { metadata: {} },
  )
  const big = texts('c1', 100_000, (row) => `value ${Math.sin(row)}`)
  await expect(writer.writeRowGroup([big, { ...big, name: 'c2' }, { ...big, name: 'c3' }])).rejects.toThrow(
    'no space left',
  )
})
