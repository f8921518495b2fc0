/** Disks that are full while files are checked and loaded: said clearly, nothing lost, and it goes on afterwards. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openApplication } from '../../src/app/open-application.ts'
import type { Application } from '../../src/core/application.ts'
import type { LoadResult } from '../../src/core/file-check.ts'
import { writeInput } from '../support/file-scene.ts'
import { MAY_MOUNT, SmallDisk } from '../support/small-disk.ts'

const onSmallDisk = test.skipIf(!MAY_MOUNT) // needs the right to mount a file system

const ROWS = 30_000
const TEXT = `id\tday\tnote\n${Array.from({ length: ROWS }, (_, id) => `${id}\t2024-03-01\t${(id * 2_654_435_761) % 2 ** 32}-${id * 7}\n`).join('')}`
const REQUEST = {
  paths: [],
  again: false,
  onBadRows: 'quarantine',
  checksum: false,
  memoryBytes: 2 ** 30,
  command: 'files load',
} as const
const never = new AbortController().signal

/** A file on a disk with room; what is made of it is in `folder`, and in the file of `warehouse`. */
async function scene(
  folder: string,
  data: string,
  { warehouse = 'out.duckdb', note = 'text' } = {},
): Promise<Application> {
  writeInput(data, 'sales_2024-03.tsv', TEXT)
  writeInput(
    folder,
    'simplyload.yaml',
    `version: 1
sources:
  monthly:
    type: files
    tables:
      - name: sales
        path: "${data}/sales_{yyyy}-{mm}.tsv"
        format: tsv
        columns: { id: bigint, day: date, note: ${note} }
destination: { type: duckdb, path: "${warehouse}" }
`,
  )
  const configFile = join(folder, 'simplyload.yaml')
  return await openApplication({ configFile, settings: [], environment: {}, logLevel: 'silent' })
}

/** `onFull`: once it is known; may stop the run. */
async function load(
  application: Application,
  onFull: (code: string, stop: AbortController) => Promise<void>,
): Promise<LoadResult | undefined> {
  const stop = new AbortController()
  let full: Promise<void> | undefined
  const run = await application.fileLoading().load(
    REQUEST,
    {
      check: () => undefined,
      sync: (event) => {
        if (event.event !== 'retry') return
        expect(event.message).toMatch(/^no room is left: /)
        full ??= onFull(event.code, stop)
      },
    },
    stop.signal,
  )
  await full
  return run.loads[0]
}

async function counted(application: Application): Promise<unknown> {
  const { rows } = await application.query('SELECT count(*), count(DISTINCT id) FROM monthly_files.sales', never)
  return (await Array.fromAsync(rows)).map((row) => row.map(Number))
}

function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'files-full-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

onSmallDisk('what a check cannot keep is an error that names the disk, and leaves nothing behind', async () => {
  await using disk = SmallDisk.create(8)!
  using data = temporaryFolder()
  await using application = await scene(disk.folder, data.path, { note: 'date' })
  const check = () => application.files().check(REQUEST, () => undefined, never)
  const results = join(disk.folder, '.simplyload/files')
  await disk.fill(600)
  await expect(check()).rejects.toMatchObject({ code: 'state_full', hint: expect.stringContaining(results) })
  const left = readdirSync(results, { recursive: true }).map(String)
  expect(left.filter((name) => /json|tmp|tsv/.test(name))).toEqual([])
  await disk.makeRoom()
  expect((await check()).files[0]?.badRows?.rows).toBe(ROWS)
})

onSmallDisk('a load whose own disk is full goes on as soon as there is room', async () => {
  await using disk = SmallDisk.create(24)!
  using data = temporaryFolder()
  await using application = await scene(disk.folder, data.path)
  await disk.fill(800)
  // Parts of the file, stage files, state and table are on it: which of them is the first is no matter.
  let full = ''
  const loaded = await load(application, async (code) => {
    full = code
    await disk.makeRoom()
  })
  expect(full).toMatch(/_full$/)
  expect(loaded).toMatchObject({ outcome: 'loaded', rows: ROWS })
  expect(await counted(application)).toEqual([[ROWS, ROWS]])
})

onSmallDisk('rows that a full destination kept out of the table get there with the next load', async () => {
  await using disk = SmallDisk.create(2)!
  using data = temporaryFolder()
  await using application = await scene(data.path, data.path, { warehouse: join(disk.folder, 'out.duckdb') })
  let full = ''
  const stopped = await load(application, async (code, stop) => {
    full = code
    stop.abort()
  })
  expect(full).toBe('destination_full')
  expect(stopped).toMatchObject({ outcome: 'failed', message: expect.stringContaining('not in the table yet') })
  const [status] = await application.fileLoading().status({ tables: [] }, never)
  expect([status?.completed, status?.files[0]?.state]).toEqual([[], 'current'])
  disk.grow(24)
  expect(await load(application, async () => undefined)).toMatchObject({ outcome: 'loaded', rows: ROWS })
  expect(await counted(application)).toEqual([[ROWS, ROWS]])
  expect(await load(application, async () => undefined)).toMatchObject({ outcome: 'already_loaded' })
})
