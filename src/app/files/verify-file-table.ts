/**
 * Whether the rows that files have brought are in their table, and no others: counted at the destination by the part of a file that
 * they are from, and held against what is remembered of each file. Values are not compared; the check of a load has asked its rules there.
 *
 * Fewer rows than were loaded are right where something took them since (a period that was deleted or replaced, a later row of the
 * same key), and where they are staged and not merged yet. More rows never are, nor rows of no file.
 */

import { openState, type Querying } from '../../connectors.ts'
import type { RowDifference, TableComparison } from '../../core/destination.ts'
import type { FileSet } from '../../core/file-set.ts'
import { counted } from '../../core/quantity.ts'
import { qualifiedTableName } from '../../core/table-schema.ts'
import type { ConfiguredTable } from '../../engine/context.ts'
import { periodOfName } from '../../file-sets/file-pattern.ts'
import type { FileInProgress, FileToken, LoadedFile } from '../../file-sets/file-token.ts'
import type { SyncSetting } from '../sync.ts'
import { sqlNames } from './configured-sets.ts'
import { tokensOf } from './load-files.ts'

interface Brought {
  readonly name: string
  readonly rows: number
  readonly quarantined: number
  /** The boundary before its first row, and the one behind its last: undefined where it goes on. */
  readonly first: string
  readonly behind: string | undefined
  /** Some may be gone by right. */
  readonly mayLack: boolean
  found: number
}

export async function verifyFileTable(
  setting: Pick<SyncSetting, 'config' | 'folder'>,
  set: FileSet,
  { target, mergedThrough = '' }: ConfiguredTable & { readonly mergedThrough: string | undefined },
  { destination, examplesMax }: { readonly destination: Querying; readonly examplesMax: number },
  signal: AbortSignal,
): Promise<TableComparison> {
  const { config, folder } = setting
  await using state = await openState(config, folder, 'read')
  const token = (await tokensOf(state, set.table.source)).get(qualifiedTableName(set.table))
  const files = token === undefined ? [] : broughtBy(token, set, mergedThrough)
  const { identifier } = sqlNames(config)
  const names = [target.database ?? [], target.namespace, target.name].flat().map(identifier).join('.')
  const position = identifier('_source_position')
  const { rows } = await destination.query(
    `SELECT ${position}, count(*) FROM ${names} WHERE ${identifier(target.deletedColumn)} IS NOT TRUE GROUP BY 1`,
    signal,
  )
  let destinationRows = 0
  let strange = 0
  for await (const [at, count] of rows) {
    const number = Number(count)
    destinationRows += number
    const file = files.find(({ first, behind }) => String(at) >= first && (behind === undefined || String(at) < behind))
    // With a key, a row that a file no longer has stays when the file is loaded again.
    if (file === undefined) strange += set.write === 'merge' ? 0 : number
    else file.found += number
  }
  const examples: RowDifference[] = files.flatMap(
    ({ name, rows: loaded, found, mayLack }): readonly RowDifference[] => {
      if (found === loaded || (found < loaded && mayLack)) return []
      const kind = found < loaded ? 'missing' : 'extra'
      return [exampleOf(`${counted(Math.abs(found - loaded), 'row')} of ${name}`, kind)]
    },
  )
  if (strange > 0) examples.push(exampleOf(`${counted(strange, 'row')} of no file`, 'extra'))
  const lacking = files.reduce(
    (sum, { rows: loaded, found, mayLack }) => sum + (mayLack && found < loaded ? 0 : Math.abs(found - loaded)),
    0,
  )
  return {
    table: set.table,
    sourceRows: files.reduce(
      (sum, { rows: loaded, found, mayLack }) => sum + (mayLack ? Math.min(loaded, found) : loaded),
      0,
    ),
    destinationRows,
    duplicateKeys: 0,
    differing: lacking + strange,
    explained: files.reduce((sum, { quarantined }) => sum + quarantined, 0),
    examples: examples.slice(0, examplesMax),
    nullShares: [],
  }
}

function exampleOf(what: string, kind: RowDifference['kind']): RowDifference {
  return { key: JSON.stringify([what]), kind, columns: [], position: undefined }
}

function broughtBy(token: FileToken, set: FileSet, mergedThrough: string): readonly Brought[] {
  const { loaded, current } = token
  const done = loaded.map((file): Brought => {
    const { name, rows, quarantined, first, position, removed } = file
    const isMerged = mergedThrough >= position
    const mayLack = !isMerged || removed === true || set.write === 'merge' || isTakenFrom(file, token, set)
    return { name, rows, quarantined, first, behind: position, mayLack, found: 0 }
  })
  return current === undefined ? done : [...done, begun(current)]
}

function begun({ name, rows, quarantined, first }: FileInProgress): Brought {
  return { name, rows, quarantined, first, behind: undefined, mayLack: true, found: 0 }
}

/** A removal, or a file that replaces, came later and is about the same days; of a file without a period nobody knows which those are. */
function isTakenFrom({ position, period }: LoadedFile, { removals, loaded }: FileToken, { write }: FileSet): boolean {
  const later = [
    ...removals.filter((removal) => removal.position >= position),
    ...(write === 'replace' ? loaded.filter((other) => other.first >= position) : []),
  ]
  return later.some((other) => other.period === undefined || period === undefined || overlap(other.period, period))
}

function overlap(one: string, other: string): boolean {
  const [a, b] = [periodOfName(one), periodOfName(other)]
  return typeof a === 'string' || typeof b === 'string' || (a.from <= b.through && b.from <= a.through)
}
