/** What every stage must do. Each implementation runs these tests with real storage. */
import { mkdtempDisposable, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isPipelineError } from '../../src/core/errors.ts'
import type { Stage, StageObject } from '../../src/core/stage.ts'
import { parseStagePath, stagePath } from '../../src/core/stage-path.ts'

export interface StageFixture extends AsyncDisposable {
  readonly stage: Stage
  /** Another handle on the same storage, as a second process has it. Disposed with the fixture. */
  openAnother(): Promise<Stage>
  /** The bytes at `stage.location(path)`, read with other means than the stage. */
  read(location: string): Promise<Uint8Array>
}

const never = new AbortController().signal
/** Enough that every stage has stored something of an unfinished file. */
const MUCH = 9_000_000
/** Later than anything is written, by any clock. */
const LATER_MS = Number.MAX_SAFE_INTEGER

export function describeStage(name: string, open: () => Promise<StageFixture>): void {
  describe(`stage: ${name}`, () => {
    let fixture: StageFixture
    let stage: Stage

    beforeEach(async () => {
      fixture = await open()
      stage = fixture.stage
    })
    afterEach(async () => {
      await fixture[Symbol.asyncDispose]()
    })

    async function put(path: string, ...parts: Uint8Array[]): Promise<number> {
      const writer = await stage.create(path, never)
      for (const part of parts) await writer.write(part)
      return (await writer.commit()).bytes
    }

    const sizes: [string, number[]][] = [
      ['nothing', []],
      ['one byte', [1]],
      ['many small writes', Array.from({ length: 3000 }, (_, index) => 700 + (index % 97))],
      ['one large write', [9_000_001]],
      ['small and large writes in turn', [10, 2_000_000, 1 << 20, 3, 5_000_000, 0, 1, (1 << 20) - 1]],
    ]
    it.each(sizes)('a committed file holds what was written: %s', async (_, lengths) => {
      const parts = lengths.map(noise)
      const expected = Buffer.concat(parts)

      expect(await put('a/b/file.parquet', ...parts)).toBe(expected.byteLength)

      expect(expected.equals(await fixture.read(stage.location('a/b/file.parquet')))).toBe(true)
      expect((await stage.stat('a/b/file.parquet'))?.bytes).toBe(expected.byteLength)
    })

    it('memory may be reused once a write has resolved', async () => {
      const memory = new Uint8Array(1_500_000)
      const writer = await stage.create('reused', never)
      for (let value = 1; value <= 6; value++) {
        const bytes = memory.subarray(0, value % 2 === 0 ? memory.length : 100_000)
        bytes.fill(value)
        await writer.write(bytes)
      }
      memory.fill(255)
      await writer.commit()

      const content = await fixture.read(stage.location('reused'))
      const runs = [100_000, 1_500_000, 100_000, 1_500_000, 100_000, 1_500_000]
      const expected = Buffer.concat(runs.map((length, index) => Buffer.alloc(length, index + 1)))
      expect(expected.equals(content)).toBe(true)
    })

    it('a file that is taken over is there whole, and gone where it was', async () => {
      await using folder = await mkdtempDisposable(join(tmpdir(), 'adopt-'))
      const file = join(folder.path, 'made.parquet')
      const content = noise(2_500_001)
      await writeFile(file, content)

      const stored = await stage.adopt('a/b/adopted.parquet', file, never)

      expect(stored.bytes).toBe(content.byteLength)
      expect(Buffer.from(content).equals(await fixture.read(stage.location('a/b/adopted.parquet')))).toBe(true)
      expect((await stage.stat('a/b/adopted.parquet'))?.bytes).toBe(content.byteLength)
      await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' })
    })

    it('a file that is not there cannot be taken over, and nothing appears', async () => {
      await expect(stage.adopt('a/b/none.parquet', '/nowhere/none.parquet', never)).rejects.toThrow()
      expect(await stage.stat('a/b/none.parquet')).toBeUndefined()
    })

    it('an unfinished file is visible to nobody', async () => {
      const another = await fixture.openAnother()
      const writer = await stage.create('a/unfinished', never)
      await writer.write(noise(MUCH))

      for (const handle of [stage, another]) {
        expect(await handle.stat('a/unfinished')).toBeUndefined()
        expect(await listed(handle, '')).toEqual([])
      }

      await writer.commit()
      for (const handle of [stage, another]) expect(await listed(handle, '')).toEqual(['a/unfinished'])
    })

    it('an aborted file leaves nothing, and aborting after the commit changes nothing', async () => {
      const aborted = await stage.create('a/aborted', never)
      await aborted.write(noise(MUCH))
      await aborted.abort()
      await aborted.abort()
      const kept = await stage.create('a/kept', never)
      await kept.write(noise(10))
      await kept.commit()
      await kept.abort()

      expect(await listed(stage, '')).toEqual(['a/kept'])
      expect(await (await fixture.openAnother()).sweep(LATER_MS)).toBe(0)
    })

    it('a path that is written again shows the old file until the commit, then the new one', async () => {
      await put('again', Buffer.from('old'))
      const writer = await stage.create('again', never)
      await writer.write(Buffer.from('newer'))
      expect(Buffer.from(await fixture.read(stage.location('again'))).toString()).toBe('old')
      await writer.commit()
      expect(Buffer.from(await fixture.read(stage.location('again'))).toString()).toBe('newer')
    })

    it('writers to the same path do not mix', async () => {
      const writers = await Promise.all([1, 2, 3].map(() => stage.create('same', never)))
      await Promise.all(writers.map((writer, index) => writer.write(Buffer.alloc(2_000_000, index + 1))))
      await Promise.all(writers.map((writer) => writer.commit()))
      const content = await fixture.read(stage.location('same'))
      expect(content.byteLength).toBe(2_000_000)
      expect(content.every((byte) => byte === content[0])).toBe(true)
    })

    it('objects are listed in the order of their paths, below whole parts of a prefix', async () => {
      const paths = ['a-b/x', 'a.b/x', 'a/b/x', 'a/b.x', 'a/b0/x', 'a/c', 'ab/x', 'a!2e/x']
      for (const path of paths) await put(path, noise(3))

      expect(await listed(stage, '')).toEqual(paths.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
      expect(await listed(stage, 'a')).toEqual(['a/b.x', 'a/b/x', 'a/b0/x', 'a/c'])
      expect(await listed(stage, 'a/b')).toEqual(['a/b/x'])
      expect(await listed(stage, 'a/b/')).toEqual(['a/b/x'])
      expect(await listed(stage, 'nowhere/at/all')).toEqual([])
    })

    it('an object tells its size and the time of its writing', async () => {
      const before = Date.now()
      await put('timed', noise(1234))
      const object = await stage.stat('timed')
      expect(object).toMatchObject({ path: 'timed', bytes: 1234 })
      // Clocks of file systems tick in steps of some milliseconds, those of other machines may be a little off.
      expect(Math.abs((object?.modifiedMs ?? 0) - before)).toBeLessThan(60_000)
      expect((await collect(stage, ''))[0]).toEqual(object)
    })

    it('a removed object is gone, and removing it again is harmless', async () => {
      await put('a/b/one', noise(3))
      await put('a/b/two', noise(3))
      await stage.remove('a/b/one')
      await stage.remove('a/b/one')
      await stage.remove('never/was/there')
      expect(await stage.stat('a/b/one')).toBeUndefined()
      expect(await listed(stage, '')).toEqual(['a/b/two'])
    })

    it('files are written while others beside them are removed', async () => {
      await Promise.all(
        Array.from({ length: 200 }, async (_, index) => {
          const path = `busy/hour/${index}`
          await put(path, noise(10))
          if (index % 4 !== 0) await stage.remove(path)
        }),
      )
      expect(await listed(stage, 'busy')).toHaveLength(50)
    })

    it('a sweep removes what another process left unfinished, if it is old enough, and nothing else', async () => {
      await put('a/finished', noise(3))
      const mine = await stage.create('a/mine', never)
      await mine.write(noise(MUCH))
      const another = await fixture.openAnother()
      const left = await another.create('b/left', never)
      await left.write(noise(MUCH))

      expect(await stage.sweep(Date.now() - 3_600_000)).toBe(0)
      expect(await stage.sweep(LATER_MS)).toBe(1)
      expect(await stage.sweep(LATER_MS)).toBe(0)

      await mine.commit()
      expect(await listed(stage, '')).toEqual(['a/finished', 'a/mine'])
      await left.abort()
    })

    it('a writer whose unfinished file was swept fails instead of committing', async () => {
      const another = await fixture.openAnother()
      const left = await another.create('swept', never)
      await left.write(noise(MUCH))
      await stage.sweep(LATER_MS)
      await expect(left.commit()).rejects.toMatchObject({ name: 'PipelineError' })
      await left.abort()
      expect(await listed(stage, '')).toEqual([])
    })

    it('closing the stage removes what it has not finished', async () => {
      const another = await fixture.openAnother()
      const writer = await another.create('open', never)
      await writer.write(noise(MUCH))
      await another[Symbol.asyncDispose]()
      expect(await stage.sweep(LATER_MS)).toBe(0)
    })

    it('tables with odd names have files of their own, and each path tells its table', async () => {
      const names = [
        'orders',
        'Orders',
        'ORDERS',
        'a.b',
        'a/b',
        '../up',
        '"q"',
        "it's",
        'ÄÖ',
        'a\u0308',
        '😀',
        '😁',
        ' ',
        '*?[x]',
        '%41',
        '!41',
      ]
      const tables = [...names, '你'.repeat(21), 'aA'.repeat(31), '.', '..'].map((name) => ({
        source: 'shop',
        namespace: name,
        name,
      }))
      const paths = tables.map((table) => stagePath({ customer: 'default', table, batchId: 'e1-x', stagedMs: 0 }))
      for (const [index, path] of paths.entries()) await put(path, Buffer.from(String(index)))

      for (const [index, path] of paths.entries()) {
        expect(Buffer.from(await fixture.read(stage.location(path))).toString()).toBe(String(index))
        expect(parseStagePath(path)?.table).toEqual(tables[index])
      }
      expect(await listed(stage, 'default/shop')).toHaveLength(tables.length)
    })

    it.each(['', '/', 'a//b', '../a', 'a/../b', '/etc/passwd', 'a/.', 'A/b', 'a b', 'a\\b', 'ä', 'a\0b'])(
      'a path that could leave the stage or mean two things is refused: %j',
      async (path) => {
        await expect(stage.create(path, never)).rejects.toSatisfy((error) => isPipelineError(error, 'internal'))
      },
    )

    it('nothing is written after an abort signal', async () => {
      const controller = new AbortController()
      const writer = await stage.create('signal', controller.signal)
      await writer.write(noise(10))
      controller.abort(new Error('stopped'))
      await expect(writer.write(noise(10))).rejects.toThrow('stopped')
      await expect(stage.create('other', controller.signal)).rejects.toThrow('stopped')
      await writer.abort()
      expect(await listed(stage, '')).toEqual([])
    })
  })
}

async function collect(stage: Stage, prefix: string): Promise<StageObject[]> {
  return await Array.fromAsync(stage.list(prefix))
}

async function listed(stage: Stage, prefix: string): Promise<string[]> {
  return (await collect(stage, prefix)).map((object) => object.path)
}

function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let value = 2_463_534_242 ^ length
  for (let index = 0; index < length; index++) {
    value ^= value << 13
    value ^= value >>> 17
    value ^= value << 5
    bytes[index] = value
  }
  return bytes
}
