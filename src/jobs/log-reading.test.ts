import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../core/clock.ts'
import type { JobOutput } from '../core/job.ts'
import { LogFile } from './log-file.ts'
import { readLog } from './log-reading.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simplyload-log-'))
  path = join(folder, 'output.log')
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Reads while `writing` writes a step each time that the reader has come to the end. */
async function readBeside(steps: readonly (() => void)[]): Promise<readonly JobOutput[]> {
  const left = [...steps]
  const found: JobOutput[] = []
  const goesOn = () => {
    left.shift()?.()
    return left.length > 0
  }
  const clock = { ...systemClock, sleep: async () => undefined }
  for await (const output of readLog({ path, goesOn, clock, signal: new AbortController().signal })) found.push(output)
  return found
}

const textOf = (found: readonly JobOutput[]) => found.map(({ text }) => text).join('')

test('a log is read while it is written and turned over, line by line, none lost', async () => {
  const log = new LogFile(path, 100)
  const lines = Array.from({ length: 40 }, (_, index) => `line ${index} größer\n`)
  const steps = lines.map((line) => () => log.write(line))
  const found = await readBeside([() => undefined, ...steps])
  log[Symbol.dispose]()
  expect(textOf(found)).toBe(lines.join(''))
  expect(found.some(({ afterGap }) => afterGap)).toBe(false)
})

test('what was turned over more than once before it was read is told to be missing', async () => {
  const log = new LogFile(path, 100)
  const write = (from: number, to: number) => () => {
    for (let number = from; number < to; number++) log.write(`line ${number} of many\n`)
  }
  const found = await readBeside([write(0, 2), write(2, 40), () => undefined])
  log[Symbol.dispose]()
  expect(found[0]).toEqual({ text: 'line 0 of many\nline 1 of many\n', afterGap: false })
  expect(found.filter(({ afterGap }) => afterGap)).toHaveLength(1)
  expect(textOf(found)).toContain('line 39 of many\n')
})

test('a log keeps its latest lines, at most two parts of them', () => {
  using log = new LogFile(path, 1000)
  for (let number = 0; number < 500; number++) log.write(`line ${number}\n`)
  const kept = readFileSync(`${path}.1`, 'utf8') + readFileSync(path, 'utf8')
  expect(kept.length).toBeLessThanOrEqual(2000)
  expect(kept.split('\n').at(-2)).toBe('line 499')
})

test('a log that is not there is empty, and a last line without an end is read', async () => {
  expect(await readBeside([])).toEqual([])
  const log = new LogFile(path)
  log.write('cut off')
  log[Symbol.dispose]()
  expect(await readBeside([])).toEqual([{ text: 'cut off', afterGap: false }])
})
