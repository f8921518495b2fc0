/** Everything a sync needs, examined part by part. */

import { describeState, examineState, openDestination, openStage } from '../connectors.ts'
import type { Examination, Selection } from '../core/application.ts'
import { type Finding, failedFinding } from '../core/finding.ts'
import type { ConfiguredTable } from '../engine/context.ts'
import { examineFiles } from './examine-files.ts'
import { examineHistories } from './examine-histories.ts'
import { examineStage } from './examine-stage.ts'
import { examineTransforms, type TransformedTable, transformedTables } from './examine-transforms.ts'
import type { LoadedConfig } from './loaded-config.ts'
import { openSource } from './open-source.ts'
import { resolveTables, selectSources } from './tables.ts'

export async function* doctor(
  { config, folder }: LoadedConfig,
  selection: Selection,
  signal: AbortSignal,
): AsyncGenerator<Examination> {
  const targets: ConfiguredTable[] = []
  const transformed: TransformedTable[] = []
  for (const name of selectSources(config, selection)) {
    const findings: Finding[] = []
    await using source = await openSource({ config, folder }, name)
    try {
      const [resolved] = await resolveTables(config, new Map([[name, source]]), folder, signal)
      const tables = resolved?.tables ?? []
      targets.push(...tables)
      findings.push(
        ...(await source.examine(
          tables.map((table) => table.request),
          signal,
        )),
      )
      findings.push(...(await examineFiles({ config, folder }, name, signal)))
      findings.push(...(await examineHistories(source, tables, signal)))
      transformed.push(...(await transformedTables(source, tables, signal)))
    } catch (error) {
      findings.push(failedFinding('connection', error))
    }
    yield { part: `source ${name}`, findings }
  }
  if (transformed.length > 0)
    yield { part: 'transforms', findings: await examineTransforms({ config, folder }, transformed, signal) }
  yield { part: 'stage', findings: await examineStage({ config, folder }, signal) }
  yield {
    part: 'state',
    findings: await examineOpening(`state ${describeState(config)}`, () => examineState(config, folder)),
  }
  const findings: Finding[] = []
  try {
    await using stage = await openStage(config, folder)
    await using destination = await openDestination(config, folder, stage)
    findings.push(
      ...(await destination.examine(
        targets.map((table) => table.target),
        signal,
      )),
    )
  } catch (error) {
    findings.push(failedFinding('connection', error))
  }
  yield { part: 'destination', findings }
}

async function examineOpening(subject: string, open: () => Promise<unknown>): Promise<readonly Finding[]> {
  try {
    await open()
    return [{ subject, level: 'ok', message: 'can be opened' }]
  } catch (error) {
    return [failedFinding(subject, error)]
  }
}
