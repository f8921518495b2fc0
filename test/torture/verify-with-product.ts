import { dirname } from 'node:path'
import { simplyload } from '../support/command-process.ts'

/** `simplyload verify --deep` must find nothing either, and must have looked at every table. */
export async function verifyWithProduct(configFile: string): Promise<readonly string[]> {
  const { exitCode, events, stderr } = await simplyload(dirname(configFile), ['-c', configFile, 'verify', '--deep'])
  const skipped = events.filter((event) => event.event === 'skipped')
  if (exitCode === 0 && skipped.length === 0) return []
  return [
    `verify ended with ${exitCode}: ${[...skipped.map((event) => JSON.stringify(event)), stderr.trim()].join('; ').slice(0, 2000)}`,
  ]
}
