import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLocalStage } from './local-stage.ts'

const MODULE = JSON.stringify(new URL('./local-stage.ts', import.meta.url).href)
const never = new AbortController().signal

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simplyload-local-stage-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

/** Runs `body` in a process of its own, where `openLocalStage`, `root` and `never` are defined. */
function script(body: string): string[] {
  const head = `const { openLocalStage } = await import(${MODULE}); const root = ${JSON.stringify(folder)}; const never = new AbortController().signal;`
  return ['--input-type=module', '-e', head + body]
}

function start(body: string): ChildProcess {
  return spawn(process.execPath, script(body), { stdio: ['ignore', 'pipe', 'inherit'] })
}

it('whatever was committed before kill -9 is whole, and what was not is invisible and swept', async () => {
  for (const killAfter of [1, 4, 9]) {
    const child = start(`
      import { createHash, randomBytes } from 'node:crypto';
      const stage = await openLocalStage(root);
      for (let file = 0; ; file++) {
        const path = 'run${killAfter}/hour' + (file % 3) + '/' + file;
        const writer = await stage.create(path, never);
        const hash = createHash('sha256');
        for (let part = 0; part < 40; part++) {
          const bytes = randomBytes(50_000 + part);
          hash.update(bytes);
          await writer.write(bytes);
        }
        await writer.commit();
        console.log(path, hash.digest('hex'));
      }`)
    const committed = new Map<string, string>()
    for await (const line of createInterface({ input: child.stdout! })) {
      const [path = '', digest = ''] = line.split(' ')
      if (!child.killed) committed.set(path, digest)
      if (committed.size === killAfter) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')

    const stage = await openLocalStage(folder)
    const found = await Array.fromAsync(stage.list(`run${killAfter}`))
    for (const [path, digest] of committed) {
      const content = await readFile(stage.location(path))
      expect(createHash('sha256').update(content).digest('hex')).toBe(digest)
    }
    // Besides, at most the file whose commit was not reported any more; it is whole too.
    expect(found.length - committed.size).toBeLessThanOrEqual(1)
    for (const object of found) expect(object.bytes).toBe(40 * 50_000 + 780)
    await stage.sweep(Number.MAX_SAFE_INTEGER)
    const files = await readdir(folder, { recursive: true, withFileTypes: true })
    expect(files.filter((entry) => entry.isFile() && entry.name.includes('.partial-'))).toEqual([])
  }
})

it('files of others in the folder are neither listed nor swept', async () => {
  const stage = await openLocalStage(folder)
  await mkdir(join(folder, 'a'))
  await writeFile(join(folder, '.DS_Store'), 'x')
  await writeFile(join(folder, 'a', 'Notes (old).txt'), 'x')
  await writeFile(join(folder, 'a', 'x.partial-notes'), 'x')
  expect((await Array.fromAsync(stage.list(''))).map((object) => object.path)).toEqual(['a/x.partial-notes'])
  expect(await stage.sweep(Number.MAX_SAFE_INTEGER)).toBe(0)
})

it('folders go with their last file, and the root stays', async () => {
  const stage = await openLocalStage(folder)
  for (const path of ['t/h1/a', 't/h1/b', 't/h2/c']) {
    const writer = await stage.create(path, never)
    await writer.commit()
  }
  await stage.remove('t/h1/a')
  await stage.remove('t/h1/b')
  expect(await readdir(join(folder, 't'))).toEqual(['h2'])
  await stage.remove('t/h2/c')
  expect(await readdir(folder)).toEqual([])
})

it('a file where the folder should be is said so', async () => {
  const file = join(folder, 'file')
  await writeFile(file, '')
  for (const root of [file, join(file, 'below')]) {
    await expect(openLocalStage(root)).rejects.toMatchObject({
      code: 'stage_unavailable',
      hint: expect.stringContaining('must be a folder'),
      context: { path: root },
    })
  }
})

it('a writer holds two buffers at most, however much is written', async () => {
  const child = start(`
    const stage = await openLocalStage(root);
    const bytes = new Uint8Array(10_000);
    const write = async (count) => {
      const writer = await stage.create('large', never);
      for (let index = 0; index < count; index++) await writer.write(bytes);
      await writer.abort();
      return process.memoryUsage().rss;
    };
    const before = await write(1_000);
    console.log((await write(20_000)) - before);`)
  const [grown] = await once(createInterface({ input: child.stdout! }), 'line')
  expect(Number(grown)).toBeLessThan(48 << 20)
})

describe.skipIf(process.platform !== 'linux')('on Linux', () => {
  const canMount = ((): boolean => {
    try {
      execFileSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })()

  it.skipIf(!canMount)(
    'a full disk is stage_full with the path, leaves earlier files whole, and passes when there is room',
    () => {
      const body = `
      const stage = await openLocalStage(root);
      const put = async (path, megabytes) => {
        const writer = await stage.create(path, never);
        try {
          for (let index = 0; index < megabytes; index++) await writer.write(new Uint8Array(1 << 20).fill(index));
          await writer.commit();
        } catch (error) {
          await writer.abort();
          return { code: error.code, message: error.message, hint: error.hint };
        }
      };
      const results = [await put('a/first', 3), await put('a/second', 9), await put('a/small', 0.5)];
      await stage.remove('a/first');
      results.push(await put('a/second', 6));
      const files = (await Array.fromAsync(stage.list(''))).map((object) => [object.path, object.bytes]);
      console.log(JSON.stringify({ results, files }));`
      const quoted = [process.execPath, ...script(body)].map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(' ')
      const output = execFileSync('unshare', [
        '-rm',
        'sh',
        '-c',
        `mount -t tmpfs -o size=8m tmpfs '${folder}' && ${quoted}`,
      ])
      const { results, files } = JSON.parse(output.toString())
      expect(results).toEqual([
        null,
        {
          code: 'stage_full',
          message: `Writing ${join(folder, 'a/second')}`,
          hint: expect.stringContaining(`Free space on the disk that holds ${join(folder, 'a/second')}`),
        },
        null,
        null,
      ])
      expect(files).toEqual([
        ['a/second', 6 << 20],
        ['a/small', 1 << 20],
      ])
    },
  )

  it.skipIf(!canMount)('a file system that is mounted read-only is said so', () => {
    const body = `
      try { await openLocalStage(root); } catch (error) { console.log(JSON.stringify([error.code, error.hint])); }
      try { await openLocalStage(root + '/new'); } catch (error) { console.log(JSON.stringify([error.code, error.hint])); }`
    const quoted = [process.execPath, ...script(body)].map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(' ')
    const output = execFileSync('unshare', ['-rm', 'sh', '-c', `mount -t tmpfs -o ro tmpfs '${folder}' && ${quoted}`])
    const lines = output
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toHaveLength(2)
    for (const [code, hint] of lines) {
      expect(code).toBe('stage_unavailable')
      expect(hint).toContain('mounted read-only')
    }
  })

  it('a folder without permission is said so, with the user who needs it', async () => {
    // Root may do everything, so it becomes nobody once the module is loaded.
    const child = start(`
      if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534); }
      try { await openLocalStage('/proc/1/task/none'); } catch (error) { console.log(error.code); }
      try { await openLocalStage('/root-of-nobody/x'); } catch (error) { console.log(error.code, error.hint); }`)
    const lines = await Array.fromAsync(createInterface({ input: child.stdout! }))
    expect(lines[0]).toBe('stage_unavailable')
    expect(lines[1]).toMatch(/^stage_unavailable Let the user with id \d+ read and write \/root-of-nobody\/x$/)
  })
})
