import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openStore, putFile, recorded, type StoreFixture } from '../../../test/support/s3-stage.ts'

const never = new AbortController().signal
const SMALL = randomBytes(70_000)

let fixture: StoreFixture
beforeEach(async () => {
  fixture = await openStore()
})
afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

describe('copies on this machine', () => {
  it('go away once they are loaded, and stay for another attempt until then', async () => {
    const stage = fixture.open()
    const files = await Promise.all(['a', 'b'].map(async (path) => recorded(path, await putFile(stage, path, SMALL))))
    {
      await using _failed = await stage.fetch(files, never)
    }
    expect(await copiesIn(fixture.cache)).toHaveLength(2)
    {
      await using local = await stage.fetch(files, never)
      local.loaded()
      expect((await readFile(local.location('b'))).equals(SMALL)).toBe(true)
    }
    expect(fixture.store.count('GetObject')).toBe(2)
    expect(await copiesIn(fixture.cache)).toEqual([])
  })

  it('that wait for another attempt are bounded, and the oldest go first', async () => {
    const stage = fixture.open({ keptCopiesBytesMax: 150_000 })
    for (const path of ['a', 'b', 'c', 'd']) {
      const file = recorded(path, await putFile(stage, path, SMALL))
      await using _failed = await stage.fetch([file], never)
    }
    expect(await copiesIn(fixture.cache)).toHaveLength(2)
    await using _again = await stage.fetch([recorded('d', { bytes: SMALL.byteLength })], never)
    expect(fixture.store.count('GetObject')).toBe(4)
  })

  it('are gone when the stage is closed, and those of a killed process with the next one', async () => {
    const host = hostname()
      .toLowerCase()
      .replaceAll(/[^a-z0-9]/g, '_')
    // No process has this id.
    const abandoned = join(fixture.cache, `${host}-4194999-0123456789ab`)
    const another = join(fixture.cache, 'another_host-4194999-0123456789ab')
    for (const folder of [abandoned, another]) await mkdir(folder)
    await writeFile(join(abandoned, 'copy-1'), 'x')
    const stage = fixture.open()
    const content = await putFile(stage, 'a', SMALL)
    {
      await using _kept = await stage.fetch([recorded('a', content)], never)
    }
    await stage[Symbol.asyncDispose]()
    expect(await readdir(fixture.cache)).toEqual(['another_host-4194999-0123456789ab'])
  })
})

describe('many files at once', () => {
  it('are held in bounded memory: what has no room goes to disk, and comes out the same', async () => {
    const stage = fixture.open({ memoryBytesMax: 32 << 20 })
    const contents = Array.from({ length: 40 }, () => randomBytes(3_000_000))
    const writers = await Promise.all(contents.map((_, index) => stage.create(`many/${index}`, never)))
    for (let at = 0; at < 3_000_000; at += 500_000) {
      for (const [index, writer] of writers.entries()) {
        const content = contents[index]
        if (content !== undefined) await writer.write(content.subarray(at, at + 500_000))
      }
    }
    expect((await copiesIn(fixture.cache)).length).toBeGreaterThan(30)
    await Promise.all(writers.map((writer) => writer.commit()))
    for (const [index, content] of contents.entries()) {
      expect(fixture.store.object(`pre/fix/many/${index}`).body.equals(content)).toBe(true)
    }
    expect(await copiesIn(fixture.cache)).toEqual([])
  })

  it('of several parts each, in turns, come out the same', async () => {
    const stage = fixture.open({ memoryBytesMax: 16 << 20 })
    const contents = Array.from({ length: 5 }, () => randomBytes(20_000_000))
    const writers = await Promise.all(contents.map((_, index) => stage.create(`turns/${index}`, never)))
    for (let at = 0; at < 20_000_000; at += 2_500_000) {
      for (const [index, writer] of writers.entries()) {
        const content = contents[index]
        if (content !== undefined) await writer.write(content.subarray(at, at + 2_500_000))
      }
    }
    await Promise.all(writers.map((writer) => writer.commit()))
    for (const [index, content] of contents.entries()) {
      expect(fixture.store.object(`pre/fix/turns/${index}`).body.equals(content)).toBe(true)
    }
  })
})

/** Files below the cache folder. */
async function copiesIn(cache: string): Promise<string[]> {
  const entries = await readdir(cache, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name)
}
