import { expect, test } from 'vitest'
import type { JobRequest } from '../core/job.ts'
import { boundedCommand, defaultMemory, JOB_MEMORY_MIN } from './memory-words.ts'

function wordsOf(name: string, argv: readonly string[], memoryBytesMax: number): readonly string[] {
  return boundedCommand({ name, argv, memoryBytesMax } as JobRequest)
}

test('without a bound of its own a job tells its command what the configuration says', () => {
  expect(wordsOf('sync', ['sync'], defaultMemory('sync', 512 << 20))).toEqual([
    '--set',
    `sync.memory=${512 << 20}`,
    'sync',
  ])
})

test('the least bound still gives what commands take at least', () => {
  expect(wordsOf('sync', ['sync'], JOB_MEMORY_MIN)).toEqual(['--set', `sync.memory=${96 << 20}`, 'sync'])
  expect(wordsOf('files load', [], JOB_MEMORY_MIN)).toEqual(['--memory', String(512 << 20)])
})

test('files are read within less than the bound', () => {
  expect(wordsOf('files load', ['files', 'load'], 2 ** 30)).toEqual(['files', 'load', '--memory', '858993459'])
})

test.each([
  ['files load', ['files', 'load', '--memory=1GiB']],
  ['files load', ['files', 'load', '--memory', '1GiB']],
  ['sync', ['--set', 'sync.memory=1GiB', 'sync']],
])('what %s says of memory itself counts: %j', (name, argv) => {
  expect(wordsOf(name, argv, 2 ** 31)).toEqual(argv)
})
