/** What `doctor` says about the destination. */
import { type TargetTable, targetText } from '../../core/destination.ts'
import { isPipelineError } from '../../core/errors.ts'
import { type Finding, failedFinding } from '../../core/finding.ts'
import { shellWord } from '../../core/shell-word.ts'
import { tableName } from '../../core/table-schema.ts'
import { foldCase, type TableLayout, writeModeOf } from '../../warehouse/table-layout.ts'
import { snowflakeType } from './column-type.ts'
import { describeTable, isType } from './described-table.ts'
import { loadLayouts } from './layout-store.ts'
import { hasMetadata, readMetadata, requireKnownFormat } from './metadata-schema.ts'
import { requireFreeName } from './promotion.ts'
import type { SnowflakeSession } from './session.ts'

/** Passed checks included. `destination`: its name, for the findings. */
export async function examineTables(
  session: SnowflakeSession,
  database: string,
  destination: string,
  targets: readonly TargetTable[],
): Promise<readonly Finding[]> {
  const findings: Finding[] = [...collisions(targets)]
  const metadata = await readMetadata(session, database)
  findings.push({ subject: destination, level: 'ok', message: 'can be reached, and the database is there' })
  if (!hasMetadata(metadata)) return findings
  await requireKnownFormat(session, destination)
  for (const target of targets) findings.push(...(await nameFindings(session, target)))
  for (const [source, of] of Map.groupBy(targets, (target) => target.table.source)) {
    const tables = of.map((target) => target.table)
    const book = await loadLayouts(session, source, tables)
    for (const target of of) {
      const layout = book.get(target.table, 'final')?.layout
      if (layout !== undefined) findings.push(...(await tableFindings(session, target, layout)))
    }
  }
  return findings
}

/** Names that a person takes for the same, although Snowflake does not. */
function* collisions(targets: readonly TargetTable[]): Generator<Finding> {
  const groups = Map.groupBy(targets, (target) => foldCase(targetText(target)))
  for (const group of groups.values()) {
    const [first] = group
    if (first === undefined || group.length === 1) continue
    yield {
      subject: targetText(first),
      level: 'error',
      message: `is the target of ${group.map((target) => tableName(target.table)).join(' and ')}`,
      fix: 'Give one of them another target',
    }
  }
}

async function nameFindings(session: SnowflakeSession, target: TargetTable): Promise<readonly Finding[]> {
  try {
    await requireFreeName(session, target)
    return []
  } catch (error) {
    if (!isPipelineError(error)) throw error
    return [failedFinding(targetText(target), error, error.cause)]
  }
}

async function tableFindings(
  session: SnowflakeSession,
  target: TargetTable,
  layout: TableLayout,
): Promise<readonly Finding[]> {
  const { table, write } = target
  const subject = targetText(target)
  const before = writeModeOf(layout)
  const resync = `read it again: simplyload table resync ${shellWord(tableName(table))}`
  if (before !== write) {
    const message = `was written in mode ${before}, and the configuration says ${write}`
    const fix = `Set write back to ${before}, or ${before === 'merge' ? '' : 'give it another target and '}${resync}`
    return [{ subject, level: 'error', message, fix }]
  }
  const differences = await differencesOf(session, layout)
  if (differences.length === 0) return []
  const message = `is not as it was made: ${differences.join('; ')}`
  return [{ subject, level: 'error', message, fix: `Change it back, or ${resync}` }]
}

/** How the table differs from what we know of it. */
export async function differencesOf(session: SnowflakeSession, layout: TableLayout): Promise<readonly string[]> {
  const columns = new Map((await describeTable(session, layout)).map((column) => [column.name, column]))
  return layout.columns.flatMap((column) => {
    const found = columns.get(column.name)
    const wanted = snowflakeType(column.type)
    if (found === undefined) return [`column ${column.name} ${wanted} is missing`]
    return isType(found.type, column) ? [] : [`column ${column.name} is ${found.type}, not ${wanted}`]
  })
}
