/** How the boundaries of a flush move, and what its parts are about: the same on every destination. */
import type { Flush, GroupMove, TableFlush } from '../core/destination.ts'
import { invariant } from '../core/invariant.ts'
import type { Position } from '../core/position.ts'
import type { StageFile } from '../core/stage.ts'
import { type TableId, tableName } from '../core/table-schema.ts'
import type { Slot } from './layout-book.ts'
import type { StoredCheckpoint } from './stored-checkpoint.ts'

/** The statements of a destination, each in the transaction that is open. `reached`: the reply to an earlier commit was lost. */
export interface BoundaryMoves {
  takeLease(): Promise<void>
  advanceGroup(group: GroupMove): Promise<'advanced' | 'reached'>
  advanceTable(table: TableId, from: Position, to: Position): Promise<'advanced' | 'reached'>
  putCheckpoint(table: TableId, checkpoint: StoredCheckpoint): Promise<void>
}

/**
 * First in the transaction of a flush: takes the lease and moves the boundaries. True where an earlier call did, whose reply
 * was lost.
 */
export async function moveBoundaries(
  { group, to, tables }: Flush,
  checkpoints: ReadonlyMap<string, StoredCheckpoint>,
  moves: BoundaryMoves,
): Promise<boolean> {
  const answers = new Set<'advanced' | 'reached'>()
  if (group === undefined) await moves.takeLease()
  else {
    const moved = await moves.advanceGroup(group)
    if (group.from !== group.to) answers.add(moved)
  }
  for (const part of tables) {
    const { table } = part.target
    const stored = checkpoints.get(tableName(table))
    if (part.into === 'backfill') {
      invariant(group === undefined, 'a backfill moves no boundary')
      continue
    }
    if (part.into === 'final') {
      invariant(stored?.group !== undefined && stored.group === group?.name, `${tableName(table)} is in the group`)
      continue
    }
    const moved = await moves.advanceTable(table, part.from, to)
    if (part.from !== to) answers.add(moved)
    // Within the transaction: the table's rows and its place among the others change together.
    if (part.into === 'rejoin' && moved === 'advanced') {
      await moves.putCheckpoint(table, { position: to, group: group?.name, guardUntil: stored?.guardUntil })
    }
  }
  invariant(answers.size < 2, 'the boundaries of a flush move together')
  return answers.has('reached')
}

export function requirePromotable(flush: Flush): void {
  const joins = flush.tables.some((part) => part.into === 'promote' || part.into === 'rejoin')
  invariant(!joins || flush.group?.to === flush.to, "a table joins the group at the group's boundary")
}

export function slotOf(part: TableFlush): Slot {
  return part.into === 'shadow' || part.into === 'promote' ? 'shadow' : 'final'
}

/** Everything that the part of a table is read from. */
export function filesOf(part: TableFlush): readonly StageFile[] {
  return [...part.files, ...(part.completion?.files ?? [])]
}
