/** What `doctor` finds out about a stage: it does with an object of its own what a sync does with its files. */
import { randomUUID } from 'node:crypto'
import { type Finding, failedFinding } from '../core/finding.ts'
import type { Stage } from '../core/stage.ts'
import { encodePathPart } from '../core/stage-path.ts'

const CONTENT = Buffer.from('written by simplyload doctor, to be removed again\n')

/** Throws only what the signal says. What works is among the findings too. */
export async function probeStage(stage: Stage, customer: string, signal: AbortSignal): Promise<readonly Finding[]> {
  const folder = `${encodePathPart(customer)}/_probe`
  const path = `${folder}/${randomUUID()}`
  const findings: Finding[] = []
  const attempt = async (subject: string, level: 'warning' | 'error', done: string, work: () => Promise<void>) => {
    signal.throwIfAborted()
    try {
      await work()
      findings.push({ subject, level: 'ok', message: done })
      return true
    } catch (error) {
      signal.throwIfAborted()
      findings.push({ ...failedFinding(subject, error), level })
      return false
    }
  }

  const isWritten = await attempt('write', 'error', 'objects can be written', () => write(stage, path, signal))
  if (!isWritten) return findings
  await attempt('read', 'error', 'they can be read', () => readBack(stage, path, signal))
  await attempt('list', 'error', 'they can be listed', () => find(stage, folder, path))
  // Without these two a sync goes on, and what it leaves stays.
  await attempt('delete', 'warning', 'they can be removed', () => stage.remove(path))
  await attempt('unfinished files', 'warning', 'they can be found', async () => {
    await stage.sweep(0)
  })
  return findings
}

async function write(stage: Stage, path: string, signal: AbortSignal): Promise<void> {
  const writer = await stage.create(path, signal)
  try {
    await writer.write(CONTENT)
    await writer.commit()
  } catch (error) {
    await writer.abort()
    throw error
  }
}

async function readBack(stage: Stage, path: string, signal: AbortSignal): Promise<void> {
  const content = await stage.read(path, signal)
  if (content === undefined) throw new Error(`${stage.location(path)} was written, and is not there`)
  if (!CONTENT.equals(content)) throw new Error(`${stage.location(path)} has other content than was written`)
}

async function find(stage: Stage, folder: string, path: string): Promise<void> {
  for await (const object of stage.list(folder)) if (object.path === path) return
  throw new Error(`${stage.location(path)} was written, and is not listed`)
}
