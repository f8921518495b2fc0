import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { changes, ORDERS, SHOP, tableRecord } from '../../../test/support/state-records.ts'
import { isFileStateInUse, openFileState } from './file-state.ts'

const folder = mkdtempSync(join(tmpdir(), 'simplyload-damage-'))
afterAll(() => rmSync(folder, { recursive: true }))
let folders = 0
const newPath = () => join(folder, `${folders++}`, 'state')
const journal = (path: string) => join(path, 'journal.jsonl')
const tableFile = (path: string, name: string) => join(path, 'tables', 'shop', `public.${name}.json`)

async function filled(path: string, files: number): Promise<void> {
  await using state = await openFileState({ path, mode: 'write' })
  await state.saveSource(SHOP)
  for (const name of ['orders', 'customers']) await state.saveTable(tableRecord({ ...ORDERS, name }))
  for (let number = 1; number <= files; number++) await state.recordStaged('shop', [changes(number)], BigInt(number))
}

test('a last line that a loss of power cut short at any byte was never acknowledged: it is ignored and cut off', async () => {
  const path = newPath()
  await filled(path, 3)
  const whole = readFileSync(journal(path))
  const lastLine = whole.lastIndexOf(0x0a, whole.length - 2) + 1
  for (let bytes = lastLine; bytes < whole.length; bytes += 7) {
    writeFileSync(journal(path), whole.subarray(0, bytes))
    await using reader = await openFileState({ path, mode: 'read' })
    expect((await reader.source('shop'))?.stagedThroughLsn).toBe(2n)
    await using state = await openFileState({ path, mode: 'write' })
    expect(await state.waiting('shop')).toHaveLength(2)
    await state.recordStaged('shop', [changes(9)], 9n)
    expect(await reader.waiting('shop')).toEqual([changes(1), changes(2), changes(9)])
  }
  // Blocks that were not written are full of zeros.
  const torn = Buffer.from(whole)
  torn.fill(0, lastLine + 5, lastLine + 200)
  writeFileSync(journal(path), torn)
  await using state = await openFileState({ path, mode: 'write' })
  expect((await state.source('shop'))?.stagedThroughLsn).toBe(2n)
})

test.each([
  ['a bit turned in the middle', (bytes: Buffer) => flip(bytes, Math.floor(bytes.length / 2))],
  ['a bit turned in the last line', (bytes: Buffer) => flip(bytes, bytes.length - 30)],
  ['a line missing', (bytes: Buffer) => withoutLine(bytes, 3)],
  ['a line doubled', (bytes: Buffer) => Buffer.concat([bytes, bytes.subarray(bytes.lastIndexOf(0x0a, -2) + 1)])],
  ['no beginning', (bytes: Buffer) => bytes.subarray(bytes.indexOf(0x0a) + 1)],
  ['nothing in it', () => Buffer.alloc(0)],
  ['another content', () => Buffer.from('hello\nworld\n')],
])('a journal with %s is refused, naming the file and the mend, and left as it is', async (_, spoil) => {
  const path = newPath()
  await filled(path, 5)
  const spoilt = spoil(readFileSync(journal(path)))
  writeFileSync(journal(path), spoilt)
  const refusal = {
    code: 'state_unavailable',
    message: `Reading the state ${journal(path)}`,
    hint: expect.stringContaining('move it away'),
  }
  await expect(openFileState({ path, mode: 'write' })).rejects.toMatchObject(refusal)
  await using reader = await openFileState({ path, mode: 'read' })
  await expect(reader.waiting('shop')).rejects.toMatchObject(refusal)
  expect(readFileSync(journal(path))).toEqual(spoilt)
  expect(await isFileStateInUse(path)).toBe(false)
})

test('a missing journal beside files of tables is no fresh start', async () => {
  const path = newPath()
  await filled(path, 1)
  unlinkSync(journal(path))
  await expect(openFileState({ path, mode: 'write' })).rejects.toMatchObject({
    code: 'state_unavailable',
    cause: { message: 'it is missing, and files of tables are there' },
    hint: expect.stringContaining(path),
  })
  expect(existsSync(journal(path))).toBe(false)
})

test.each([
  ['cut short', (path: string) => truncateSync(path, 100)],
  ['changed', (path: string) => writeFileSync(path, readFileSync(path, 'utf8').replace('"live"', '"paused"'))],
  ['that of another table', (path: string) => writeFileSync(path, readFileSync(path.replace('orders', 'customers')))],
])('the file of a table that is %s is refused, naming it and what becomes of its table', async (_, spoil) => {
  const path = newPath()
  await filled(path, 1)
  spoil(tableFile(path, 'orders'))
  await using state = await openFileState({ path, mode: 'write' })
  await expect(state.tables('shop')).rejects.toMatchObject({
    code: 'state_unavailable',
    message: `Reading the state ${tableFile(path, 'orders')}`,
    hint: expect.stringContaining('needs_resync'),
  })
})

test.each([
  ['journal', (path: string) => rewriteHeader(journal(path))],
  ['file of a table', (path: string) => replaceIn(tableFile(path, 'orders'), '"format": 1', '"format": 2')],
])('a %s of a newer version is refused', async (_, change) => {
  const path = newPath()
  await filled(path, 1)
  change(path)
  const use = async () => {
    await using state = await openFileState({ path, mode: 'write' })
    await state.tables('shop')
  }
  await expect(use()).rejects.toMatchObject({
    code: 'state_version',
    cause: { message: 'it has format 2; this version knows 1' },
    hint: expect.stringContaining('newer version'),
  })
})

test('a table that was removed does not come back from the file that a killed process left', async () => {
  const path = newPath()
  await filled(path, 1)
  const left = readFileSync(tableFile(path, 'orders'))
  {
    await using state = await openFileState({ path, mode: 'write' })
    await state.removeTable(ORDERS)
    expect(existsSync(tableFile(path, 'orders'))).toBe(false)
  }
  writeFileSync(tableFile(path, 'orders'), left)
  {
    await using reader = await openFileState({ path, mode: 'read' })
    expect((await reader.tables('shop')).map(({ table }) => table.name)).toEqual(['customers'])
    await using state = await openFileState({ path, mode: 'write' })
    expect(existsSync(tableFile(path, 'orders'))).toBe(false)
    await state.saveTable(tableRecord())
  }
  await using state = await openFileState({ path, mode: 'write' })
  expect((await state.tables('shop')).map(({ table }) => table.name)).toEqual(['customers', 'orders'])
})

test('a damaged file of requests is refused, and the state beside it is not', async () => {
  const path = newPath()
  await filled(path, 1)
  await using state = await openFileState({ path, mode: 'write' })
  await state.ask({ id: 'r1', table: ORDERS, action: { kind: 'pause' }, askedMs: 1 })
  replaceIn(join(path, 'requests.json'), 'pause', 'resume')
  await expect(state.openRequests('shop')).rejects.toMatchObject({
    code: 'state_unavailable',
    hint: expect.stringContaining('requests.json'),
  })
  expect(await state.waiting('shop')).toHaveLength(1)
})

function flip(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[at] = (changed[at] ?? 0) ^ 1
  return changed
}

function withoutLine(bytes: Buffer, line: number): Buffer {
  const lines = bytes.toString().split('\n')
  return Buffer.from(lines.filter((_, index) => index !== line).join('\n'))
}

function replaceIn(path: string, from: string, to: string): void {
  writeFileSync(path, readFileSync(path, 'utf8').replace(from, to))
}

/** As a later version would begin it: its own checksum fits. */
function rewriteHeader(path: string): void {
  const [, ...rest] = readFileSync(path, 'utf8').split('\n')
  const json = JSON.stringify({ journal: 'simplyload', format: 2, next: 1 })
  const checksum = execFileSync(process.execPath, [
    '-p',
    `require('node:zlib').crc32(${JSON.stringify(json)}).toString(16).padStart(8, '0')`,
  ])
  writeFileSync(path, '')
  appendFileSync(path, [`${checksum.toString().trim()} ${json}`, ...rest].join('\n'))
}
