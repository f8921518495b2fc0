/**
 * The life of a table, as a table.
 *
 * ```
 * pending ──snapshot_started──▶ snapshotting ──snapshot_finished──▶ catching_up ──promoted──▶ live
 *    ▲                               │ snapshot_restarted (stays)
 *    └──reset── needs_resync ◀──gap── any
 * any of these ──failed──▶ failed ──retried──▶ where it was;  ──paused──▶ paused ──resumed──▶ where it was
 * ```
 * `failed` and `paused` remember the state to return to. Whatever the table has no cell for is a bug and stops the run.
 */
import { invariant } from '../core/invariant.ts'
import type { TableState } from '../core/state.ts'

export type TableEvent =
  | 'snapshot_started'
  | 'snapshot_restarted'
  | 'snapshot_finished'
  | 'promoted'
  | 'failed'
  | 'retried'
  | 'paused'
  | 'resumed'
  | 'gap'
  | 'reset'

/** `back`: to the remembered state. */
const NEXT: Readonly<Record<TableState, Readonly<Partial<Record<TableEvent, TableState | 'back'>>>>> = {
  pending: {
    snapshot_started: 'snapshotting',
    failed: 'failed',
    paused: 'paused',
    gap: 'needs_resync',
    reset: 'pending',
  },
  snapshotting: {
    snapshot_restarted: 'snapshotting',
    snapshot_finished: 'catching_up',
    failed: 'failed',
    paused: 'paused',
    gap: 'needs_resync',
    reset: 'pending',
  },
  catching_up: { promoted: 'live', failed: 'failed', paused: 'paused', gap: 'needs_resync', reset: 'pending' },
  live: { failed: 'failed', paused: 'paused', gap: 'needs_resync', reset: 'pending' },
  failed: { retried: 'back', failed: 'failed', paused: 'paused', gap: 'needs_resync', reset: 'pending' },
  paused: { resumed: 'back', failed: 'failed', gap: 'needs_resync', reset: 'pending' },
  needs_resync: { gap: 'needs_resync', reset: 'pending' },
}

export interface MachineState {
  readonly state: TableState
  /** Where `failed` and `paused` return to. */
  readonly resumeState: TableState | undefined
}

export function transition(current: MachineState, event: TableEvent): MachineState {
  const next = NEXT[current.state][event]
  invariant(next !== undefined, `a table that is ${current.state} is never told ${event}`)
  if (next === 'back') return { state: current.resumeState ?? 'pending', resumeState: undefined }
  if (next !== 'failed' && next !== 'paused') return { state: next, resumeState: undefined }
  const remembers = current.state === 'failed' || current.state === 'paused'
  return { state: next, resumeState: remembers ? current.resumeState : current.state }
}

/** Nothing of the table has been read yet. */
export function isBeforeSnapshot({ state, resumeState }: MachineState): boolean {
  return state === 'pending' || ((state === 'failed' || state === 'paused') && resumeState === 'pending')
}

/** Changes of these tables are staged; of a table that must be read again they would be useless. */
export function stagesChanges(state: TableState): boolean {
  return state !== 'needs_resync'
}
