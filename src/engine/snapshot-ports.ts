/** What the reading of snapshots works with besides the context of its source. */
import type { Lease } from '../core/destination.ts'
import type { Position } from '../core/position.ts'
import type { Attempts } from './attempts.ts'
import type { StopSignals } from './context.ts'
import type { Guard } from './guard.ts'
import type { BookedTable, TableBook } from './table-book.ts'
import type { Turn } from './turn.ts'

export interface SnapshotPorts {
  readonly book: TableBook
  readonly lease: Lease
  /** Readings under this lease, from 1: two at the same time may be of the same position. */
  readonly nextReading: () => number
  readonly generation: number
  /** Sessions that broke since a chunk was finished. */
  readonly attempts: Attempts
  readonly destinationGuard: Guard
  readonly destinationTurn: Turn
  readonly stop: StopSignals
  /** A table is complete as of its snapshot and may be promoted. */
  readonly ready: (table: BookedTable) => void
  /** Its snapshot has a position: of its changes only later ones count. */
  readonly follow: (table: BookedTable) => void
  /** Nothing waits to be loaded at the moment. */
  readonly rested: () => void
  /** The source must be followed at least to here before the tables of this session are up to date. */
  readonly reached: (at: Position) => void
}
