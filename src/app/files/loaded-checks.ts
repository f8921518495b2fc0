/** The rules once more, inside the destination, over the rows that a file has brought there. */

import { openDestination, openStage, type Querying } from '../../connectors.ts'
import type { CheckResult, CheckRun } from '../../core/file-check.ts'
import type { FoundFile } from '../../core/file-set.ts'
import { qualifiedTableName } from '../../core/table-schema.ts'
import type { LoadedFile } from '../../file-sets/file-token.ts'
import { checkLoaded } from '../../quality/checks/loaded-checks.ts'
import { reasonsOf, verdictOf, worstVerdict } from '../../quality/checks/verdict.ts'
import { DUCKDB_RULES, SNOWFLAKE_RULES } from '../../quality/rules/rule-dialect.ts'
import type { SyncSetting } from '../sync.ts'
import { configuredSets, sqlNames } from './configured-sets.ts'

export interface LoadedRows {
  readonly file: FoundFile
  readonly loaded: LoadedFile
}

/** The result with what was asked there. Files are told apart by the positions of their rows. */
export async function withLoadedChecks(
  setting: SyncSetting,
  run: CheckRun,
  files: readonly LoadedRows[],
  signal: AbortSignal,
): Promise<CheckRun> {
  if (files.length === 0) return run
  const { config, folder } = setting
  const sets = files.map(({ file }) => file.set)
  const tables = await configuredSets(setting, sets, signal)
  await using stage = await openStage(config, folder)
  await using destination = await openDestination(config, folder, stage)
  const dialect = config.destination.type === 'snowflake' ? SNOWFLAKE_RULES : DUCKDB_RULES
  const { identifier } = sqlNames(config)
  const checks = new Map<string, readonly CheckResult[]>()
  for (const { file, loaded } of files) {
    const { set } = file
    const table = tables.get(qualifiedTableName(set.table))
    if (table === undefined) continue
    const { target, request } = table
    const names = [target.database ?? [], target.namespace, target.name].flat().map(identifier)
    const position = identifier('_source_position')
    const isOfFile = `${position} >= ${dialect.literal(loaded.first)} AND ${position} < ${dialect.literal(loaded.position)}`
    // Rows that were marked as deleted when the table was read anew are none of any file.
    const isThere = `${identifier(target.deletedColumn)} IS NOT TRUE`
    const from = `${names.join('.')} WHERE ${isOfFile} AND ${isThere}`
    const others = `${names.join('.')} WHERE NOT (${isOfFile}) AND ${isThere}`
    const rows = set.write === 'merge' ? undefined : loaded.rows
    const column = (name: string) => (!request.exclude.includes(name) ? identifier(name) : undefined)
    const ask = (sql: string) => rowsOf(destination, sql, signal)
    checks.set(file.name, await checkLoaded({ set, dialect, from, others, column, rows }, ask))
  }
  const results = run.files.map((result) => {
    const all = [...result.checks, ...(checks.get(result.file) ?? [])]
    // What cannot be asked there was asked before.
    const failed = all.filter(({ id, outcome }) => id.startsWith('loaded.') && outcome === 'fail')
    if (failed.length === 0) return { ...result, checks: all }
    const verdict = worstVerdict([result.verdict, verdictOf(failed)])
    return { ...result, checks: all, verdict, reasons: reasonsOf([...result.checks, ...failed]) }
  })
  return { ...run, files: results, verdict: worstVerdict([run.verdict, ...results.map(({ verdict }) => verdict)]) }
}

async function rowsOf(
  destination: Querying,
  sql: string,
  signal: AbortSignal,
): Promise<readonly (readonly unknown[])[]> {
  const { rows } = await destination.query(sql, signal)
  return await Array.fromAsync(rows)
}
