import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { identityOf, isSameProcess } from './process-identity.ts'

const tells = existsSync('/proc/self/stat')

test.runIf(tells)('a process is the same one by its number and the moment of its start', () => {
  const mine = identityOf(process.pid)
  expect(isSameProcess(mine)).toBe(true)
  expect(isSameProcess({ ...mine, start: `${mine.start}1` })).toBe(false)
})

test('a process that ended, or a system that tells nothing, proves nothing', () => {
  const { pid } = spawnSync(process.execPath, ['-e', ''])
  expect(identityOf(pid).start).toBeUndefined()
  expect(isSameProcess({ pid: process.pid, start: undefined })).toBe(false)
})
