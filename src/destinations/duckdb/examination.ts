/** What `doctor` says about the destination. */
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { TargetTable } from '../../core/destination.ts'
import { isPipelineError } from '../../core/errors.ts'
import { type Finding, failedFinding } from '../../core/finding.ts'
import { shellWord } from '../../core/shell-word.ts'
import { tableName } from '../../core/table-schema.ts'
import { foldCase, writeModeOf } from '../../warehouse/table-layout.ts'
import type { DatabaseFile } from './database-file.ts'
import { loadLayouts } from './layout-store.ts'
import { hasMetadata, requireKnownFormat } from './metadata-schema.ts'
import { requireFreeName } from './promotion.ts'
import type { Session } from './session.ts'

/** Passed checks included. Throws only what the signal says. */
export async function examineDestination(
  file: DatabaseFile,
  targets: readonly TargetTable[],
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const findings = [...collisions(targets)]
  if (!(await file.exists())) return [...findings, await folderFinding(file.path)]
  try {
    await file.use('read', `Examining ${file.path}`, signal, async (session) => {
      findings.push({ subject: file.path, level: 'ok', message: 'is a DuckDB database and can be opened' })
      if (await hasMetadata(session)) await requireKnownFormat(session, file.path)
      findings.push(...(await foreignTables(session, targets)), ...(await otherModes(session, targets)))
    })
  } catch (error) {
    signal.throwIfAborted()
    findings.push(openingFinding(file.path, error))
  }
  if (findings.some((finding) => finding.level === 'error')) return findings
  return [...findings, await writableFinding(file.path)]
}

function openingFinding(path: string, error: unknown): Finding {
  const level = isPipelineError(error, 'destination_locked') ? 'warning' : 'error'
  return { ...failedFinding(path, error), level }
}

/** Names that DuckDB takes for the same. */
function* collisions(targets: readonly TargetTable[]): Generator<Finding> {
  const groups = Map.groupBy(targets, (target) => foldCase(JSON.stringify([target.namespace, target.name])))
  for (const group of groups.values()) {
    const [first] = group
    if (first === undefined || group.length === 1) continue
    yield {
      subject: `${first.namespace}.${first.name}`,
      level: 'error',
      message: `is the target of ${group.map((target) => tableName(target.table)).join(' and ')}; DuckDB does not tell names apart by case`,
      fix: 'Give one of them another target',
    }
  }
}

async function foreignTables(session: Session, targets: readonly TargetTable[]): Promise<readonly Finding[]> {
  if (!(await hasMetadata(session))) return []
  const findings: Finding[] = []
  for (const target of targets) {
    try {
      await requireFreeName(session, target)
    } catch (error) {
      if (!isPipelineError(error)) throw error
      findings.push(failedFinding(`${target.namespace}.${target.name}`, error, error.cause))
    }
  }
  return findings
}

/** Tables that were written in another mode than the configuration says. */
async function otherModes(session: Session, targets: readonly TargetTable[]): Promise<readonly Finding[]> {
  if (!(await hasMetadata(session))) return []
  const findings: Finding[] = []
  for (const [source, of] of Map.groupBy(targets, (target) => target.table.source)) {
    const book = await loadLayouts(
      session,
      source,
      of.map((target) => target.table),
    )
    for (const { table, write, namespace, name } of of) {
      const layout = book.get(table, 'final')?.layout
      if (layout === undefined || writeModeOf(layout) === write) continue
      const before = writeModeOf(layout)
      findings.push({
        subject: `${namespace}.${name}`,
        level: 'error',
        message: `was written in mode ${before}, and the configuration says ${write}`,
        fix: `Set write back to ${before}, or ${before === 'merge' ? '' : 'give it another target and '}read it again: simplyload table resync ${shellWord(tableName(table))}`,
      })
    }
  }
  return findings
}

async function folderFinding(path: string): Promise<Finding> {
  let folder = dirname(path)
  for (;;) {
    try {
      await access(folder, constants.W_OK)
      return { subject: path, level: 'ok', message: 'does not exist yet and can be made' }
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      const parent = dirname(folder)
      if (code === 'ENOENT' && parent !== folder) {
        folder = parent
        continue
      }
      const message = `cannot be made: ${folder} is not writable`
      const fix = `Make ${folder} writable, or name another path`
      return { subject: path, level: 'error', message, fix, code: 'destination_permission' }
    }
  }
}

async function writableFinding(path: string): Promise<Finding> {
  try {
    await access(path, constants.W_OK)
    await access(dirname(path), constants.W_OK)
    return { subject: path, level: 'ok', message: 'is writable, and so is its folder' }
  } catch {
    const fix = 'DuckDB writes the file and its log beside it: make both writable'
    const message = 'or its folder is not writable'
    return { subject: path, level: 'error', message, fix, code: 'destination_permission' }
  }
}
