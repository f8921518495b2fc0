import { expect, test } from 'vitest'
import { JOB_STATES } from '../core/job.ts'
import { type JobEvent, nextJobState } from './job-machine.ts'

const EVENTS: readonly JobEvent[] = ['begin', 'succeed', 'fail', 'cancel', 'vanish']

/** As the page of decisions has it. */
const TABLE = [
  'queued    running -         failed cancelled lost',
  'running   -       succeeded failed cancelled lost',
  'succeeded -       -         -      -         -',
  'failed    -       -         -      -         -',
  'cancelled -       -         -      -         -',
  'lost      -       -         -      -         -',
]

test('each state takes the events of the table, and an ended job stays as it ended', () => {
  const lines = JOB_STATES.map((state) => [state, ...EVENTS.map((event) => nextJobState(state, event) ?? '-')])
  expect(lines).toEqual(TABLE.map((line) => line.split(/ +/)))
})
