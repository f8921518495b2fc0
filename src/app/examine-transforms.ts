/** What `doctor` finds about transforms: each is tried on the columns that its table has now. */

import { openDestination, openStage } from '../connectors.ts'
import { isPipelineError } from '../core/errors.ts'
import { type Finding, failedFinding } from '../core/finding.ts'
import type { Source } from '../core/source.ts'
import { type TableSchema, tableName } from '../core/table-schema.ts'
import type { ConfiguredTable } from '../engine/context.ts'
import type { LoadedConfig } from './loaded-config.ts'

export interface TransformedTable {
  readonly table: ConfiguredTable
  readonly schema: TableSchema
}

/** A table that cannot be described has a finding of its own already. */
export async function transformedTables(
  source: Source,
  tables: readonly ConfiguredTable[],
  signal: AbortSignal,
): Promise<readonly TransformedTable[]> {
  const found: TransformedTable[] = []
  for (const table of tables.filter(({ target }) => target.transform !== undefined)) {
    const described = await source.describe([table.request], signal).catch((error: unknown) => {
      if (isPipelineError(error, 'config_invalid') || isPipelineError(error, 'source_table_missing')) return []
      throw error
    })
    found.push(...described.map((schema) => ({ table, schema })))
  }
  return found
}

export async function examineTransforms(
  { config, folder }: LoadedConfig,
  tables: readonly TransformedTable[],
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  await using stage = await openStage(config, folder)
  await using destination = await openDestination(config, folder, stage)
  const findings: Finding[] = []
  for (const { table, schema } of tables) {
    const subject = tableName(schema.table)
    try {
      const { columns } = await destination.targetSchema(table.target, schema, signal)
      const names = columns.map((column) => column.name).join(', ')
      findings.push({ subject, level: 'ok', message: `Its transform gives ${names}` })
    } catch (error) {
      findings.push(failedFinding(subject, error))
    }
  }
  return findings
}
