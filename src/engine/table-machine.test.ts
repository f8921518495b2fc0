import { describe, expect, test } from 'vitest'
import type { TableState } from '../core/state.ts'
import { type TableEvent, transition } from './table-machine.ts'

const STATES: readonly TableState[] = [
  'pending',
  'snapshotting',
  'catching_up',
  'live',
  'paused',
  'failed',
  'needs_resync',
]
const EVENTS: readonly TableEvent[] = [
  'snapshot_started',
  'snapshot_restarted',
  'snapshot_finished',
  'promoted',
  'failed',
  'retried',
  'paused',
  'resumed',
  'gap',
  'reset',
]

// Rows in the order of STATES, columns in the order of EVENTS; '-' must stop the run, '<' goes back.
const TRUTH: Readonly<Record<TableState, string>> = {
  pending: 'snapshotting - - - failed - paused - needs_resync pending',
  snapshotting: '- snapshotting catching_up - failed - paused - needs_resync pending',
  catching_up: '- - - live failed - paused - needs_resync pending',
  live: '- - - - failed - paused - needs_resync pending',
  paused: '- - - - failed - - < needs_resync pending',
  failed: '- - - - failed < paused - needs_resync pending',
  needs_resync: '- - - - - - - - needs_resync pending',
}

describe('the table machine', () => {
  for (const state of STATES) {
    for (const [index, event] of EVENTS.entries()) {
      const expected = TRUTH[state].split(' ')[index]!
      test(`${state} told ${event}: ${expected === '-' ? 'stops the run' : expected}`, () => {
        const from = { state, resumeState: 'catching_up' as const }
        if (expected === '-') expect(() => transition(from, event)).toThrow('is never told')
        else expect(transition(from, event).state).toBe(expected === '<' ? 'catching_up' : expected)
      })
    }
  }

  test('a table that fails, fails again, is paused and resumed returns to what it was doing first', () => {
    let at = transition({ state: 'live', resumeState: undefined }, 'failed')
    at = transition(at, 'failed')
    at = transition(at, 'paused')
    expect(transition(at, 'resumed')).toEqual({ state: 'live', resumeState: undefined })
  })
})
