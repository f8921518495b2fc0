import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { FakeS3 } from '../../../test/support/fake-s3.ts'
import { TEST_KEYS } from '../../../test/support/s3-stage.ts'

const MODULE = JSON.stringify(new URL('./s3-stage.ts', import.meta.url).href)

it('a stage holds what it may and no more, however much is written to a store that is slow', async () => {
  await using store = await FakeS3.start({ keepBodies: false })
  store.keys.clear()
  store.fault = ({ action }) => (action === 'UploadPart' ? { kind: 'delay', ms: 30 } : undefined)
  const cache = await mkdtemp(join(tmpdir(), 'simplyload-s3-'))
  const options = {
    bucket: 'stage',
    prefix: '',
    region: 'eu-central-1',
    endpoint: store.endpoint,
    path_style: true,
    ...TEST_KEYS,
    cache,
    memoryBytesMax: 32 << 20,
  }
  const body = `
    const { openS3Stage } = await import(${MODULE});
    const stage = openS3Stage(${JSON.stringify(options)});
    const bytes = new Uint8Array(200_000);
    const never = new AbortController().signal;
    // Not resourceUsage().maxRSS: that counts what the process was before it became this program, a copy of the one that tests.
    let peak = 0;
    const write = (megabytes) => Promise.all([0, 1, 2, 3].map(async (index) => {
      const writer = await stage.create('large' + index, never);
      for (let written = 0; written < megabytes * 1_000_000; written += bytes.length) {
        await writer.write(bytes);
        peak = Math.max(peak, process.memoryUsage.rss());
      }
      await writer.commit();
    }));
    await write(1);
    const before = process.memoryUsage().rss;
    await write(120);
    console.log(Math.round((peak - before) / 1048576));
    await stage[Symbol.asyncDispose]();`
  const child = spawn(process.execPath, ['--input-type=module', '-e', body], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [grownMiB] = await once(createInterface({ input: child.stdout }), 'line')
  // Twice the bound is for buffers that are collected late.
  expect(Number(grownMiB)).toBeLessThan(2 * 32)
  await rm(cache, { recursive: true })
})
