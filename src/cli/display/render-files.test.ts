import { expect, test } from 'vitest'
import type { FileProgressEvent } from '../../core/file-commands.ts'
import { PLAIN } from '../palette.ts'
import { FilesModel } from './files-model.ts'
import { renderFiles } from './render-files.ts'

const GB = 1_000_000_000

function drawn(
  events: readonly FileProgressEvent[],
  { width = 80, nowMs = 4_000, doing = 'Loading' } = {},
): readonly string[] {
  const model = new FilesModel(0, doing)
  for (const event of events) model.apply(event)
  return renderFiles(model, { width, height: 24, nowMs, colors: PLAIN })
}

const FILES: Extract<FileProgressEvent, { readonly event: 'files' }> = {
  event: 'files',
  atMs: 0,
  files: [1, 2].map((month) => ({
    file: `data/sales_2024-0${month}.tsv`,
    set: 'monthly.files.sales',
    period: undefined,
    bytes: GB,
  })),
}
const file = (activity: string, bytes: number, atMs = 3_900): FileProgressEvent => ({
  event: 'file',
  atMs,
  file: 'data/sales_2024-01.tsv',
  activity,
  bytes,
  bytesTotal: GB,
})

test('a load shows bytes, the average speed and the time left, within 80 columns', () => {
  const lines = drawn([FILES, file('loading', 400_000_000)])
  expect(lines[0]).toMatch(/^Loading file 1 of 2, 2\.0 GB +00:04$/)
  expect(lines[1]).toContain('20 %  400 MB of 2.0 GB  100 MB/s  16 s left')
  expect(lines[3]).toMatch(/^◐ data\/sales_2024-01\.tsv +400 MB of 1\.0 GB, loading$/)
  expect(lines.every((line) => line.length <= 80)).toBe(true)
})

test('files that are read more than once are so from the beginning: what is to be read does not grow', () => {
  const twice = { ...FILES, files: FILES.files.map((each) => ({ ...each, bytesTotal: 2 * GB })) }
  const lines = drawn([twice, { ...file('reading', GB), bytesTotal: 2 * GB } as FileProgressEvent], {
    doing: 'Checking',
  })
  expect(lines[0]).toMatch(/^Checking file 1 of 2, 2\.0 GB, 4\.0 GB to read /)
  expect(lines[1]).toContain('25 %  1.0 GB of 4.0 GB')
})

test('what is retried is told below, and what is done has its rows', () => {
  const loaded = {
    file: 'data/sales_2024-01.tsv',
    outcome: 'loaded',
    rows: 7,
    position: undefined,
    message: undefined,
  } as const
  const lines = drawn([
    FILES,
    file('merging', GB),
    { event: 'loaded', atMs: 3_950, result: loaded },
    { event: 'notice', atMs: 3_960, message: 'the disk is full; trying again in 1.0 s' },
  ])
  expect(lines[1]).toContain('50 %')
  expect(lines.slice(3)).toEqual([
    expect.stringMatching(/^✓ data\/sales_2024-01\.tsv +7 rows$/),
    expect.stringMatching(/^○ data\/sales_2024-02\.tsv +1\.0 GB$/),
    '  the disk is full; trying again in 1.0 s',
  ])
})
