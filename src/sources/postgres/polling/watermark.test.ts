import fc from 'fast-check'
import { expect, test } from 'vitest'
import { advance, type Cursor, NOTHING_SEEN, type PollObservation, type Watermark } from './watermark.ts'

const quiet = { before: [], after: [], now: undefined, lookBackUs: 0n, scale: 'none', leftFrom: 'none' } as const

function poll(mark: Watermark, observed: Partial<PollObservation>): Watermark {
  return advance(mark, { ...quiet, clock: 0n, highest: undefined, ...observed })
}

test('with nobody in flight polls follow the largest cursor, one poll behind', () => {
  let mark = poll(NOTHING_SEEN, { clock: 1n, highest: 100n })
  expect(mark.seen).toBe(100n)
  mark = poll(mark, { clock: 2n, highest: 200n })
  expect(mark).toMatchObject({ seen: 200n, from: 100n })
})

test('a transaction that is in flight holds polls back at what was visible before it began, until it is gone', () => {
  let mark = poll(NOTHING_SEEN, { clock: 1n, highest: 100n })
  // A begins; this poll meets it for the first time.
  mark = poll(mark, { clock: 2n, highest: 200n, after: ['3/7'] })
  mark = poll(mark, { clock: 3n, highest: 300n, before: ['3/7'], after: ['3/7'] })
  expect(mark.from).toBe(100n)
  mark = poll(mark, { clock: 4n, highest: 400n, before: ['3/7'], after: [] })
  // Gone after the snapshot: the next poll may be the first that sees its rows.
  expect(mark.from).toBe(100n)
  mark = poll(mark, { clock: 5n, before: [], after: [] })
  expect(mark.from).toBe(400n)
  expect(mark.holders.size).toBe(0)
})

test('a transaction that is prepared may be any that was in flight', () => {
  let mark = poll(NOTHING_SEEN, { clock: 1n, highest: 100n })
  mark = poll(mark, { clock: 2n, highest: 200n, after: ['3/7'] })
  mark = poll(mark, { clock: 3n, highest: 300n, before: ['x815'], after: ['x815'] })
  mark = poll(mark, { clock: 4n, highest: 400n, before: ['x815'], after: ['x815'] })
  expect(mark.from).toBe(100n)
})

test('of a time ahead of the clock no more is believed than the clock', () => {
  const mark = poll(NOTHING_SEEN, { clock: 1n, highest: 10n ** 18n, now: 500n, scale: 'micro' })
  expect(mark.seen).toBe(500n)
})

test('where the clock jumps back polls go back with it', () => {
  let mark = poll(NOTHING_SEEN, { clock: 1n, highest: 1000n, now: 1000n, scale: 'micro' })
  mark = poll(mark, { clock: 2n, highest: 1001n, now: 1001n, scale: 'micro' })
  mark = poll(mark, { clock: 3n, highest: 400n, now: 400n, scale: 'micro' })
  expect(mark.from).toBe(400n)
  expect(mark.seen).toBe(400n)
})

test('blind polls look back as far as they are told, and settle when nothing comes any more', () => {
  let mark = NOTHING_SEEN
  for (let clock = 0n; clock <= 100n; clock += 10n) mark = poll(mark, { clock, highest: clock, lookBackUs: 50n })
  expect(mark.from).toBe(50n)
  for (let clock = 110n; clock <= 300n; clock += 10n) mark = poll(mark, { clock, lookBackUs: 50n })
  expect(mark.from).toBe(100n)
  const settled = poll(mark, { clock: 1000n, lookBackUs: 50n })
  expect(settled).toEqual(mark)
})

test('rows that are left for later are not passed by', () => {
  let mark = poll(NOTHING_SEEN, { clock: 1n, highest: 100n })
  mark = poll(mark, { clock: 2n, highest: 200n, leftFrom: 40n })
  expect(mark.from).toBe(40n)
})

/** What a server does between polls, and in the middle of one. */
type Step =
  | { readonly do: 'begin' }
  | { readonly do: 'write' | 'commit' | 'prepare'; readonly who: number }
  | { readonly do: 'poll'; readonly between: readonly Step[]; readonly behind: readonly Step[] }

interface Transaction {
  readonly id: string
  prepared: boolean
  readonly began: bigint
  readonly rows: bigint[]
}

const small: fc.Arbitrary<Step> = fc.oneof(
  fc.constant<Step>({ do: 'begin' }),
  fc.record({ do: fc.constantFrom('write' as const, 'commit' as const, 'prepare' as const), who: fc.nat(3) }),
)
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: small },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('poll' as const),
        between: fc.array(small, { maxLength: 8, size: 'max' }),
        behind: fc.array(small, { maxLength: 3 }),
      }),
    },
  ),
  { minLength: 20, maxLength: 80, size: 'max' },
)

test('whatever the order of transactions and polls, no row becomes visible below where the poll begins that first sees it', () => {
  fc.assert(
    fc.property(
      steps,
      fc.constantFrom('at begin', 'at write'),
      fc.bigInt(0n, 9n),
      (script, cursorIsTaken, lookBackUs) => {
        let time = 0n
        let nextId = 1
        const open: Transaction[] = []
        const committed: bigint[] = []
        const seen = new Set<bigint>()
        const act = (step: Step): void => {
          time += 2n
          if (step.do === 'begin') open.push({ id: `1/${nextId++}`, prepared: false, began: time, rows: [] })
          if (step.do === 'poll' || step.do === 'begin') return
          const transaction = open[step.who]
          if (transaction === undefined) return
          // Rows are told apart by their cursors: two of one transaction differ in the last bit only where they must.
          if (step.do === 'write' && !transaction.prepared)
            transaction.rows.push(cursorIsTaken === 'at begin' ? transaction.began : time)
          if (step.do === 'prepare' && transaction.rows.length > 0) transaction.prepared = true
          if (step.do === 'commit') {
            committed.push(...transaction.rows)
            open.splice(open.indexOf(transaction), 1)
          }
        }
        const inFlight = () => open.map((each) => (each.prepared ? `x${each.id.slice(2)}` : each.id))
        let mark = NOTHING_SEEN
        const take = (between: readonly Step[], behind: readonly Step[]): void => {
          const from: Cursor = mark.from
          const before = inFlight()
          for (const step of between) act(step)
          const visible = [...committed]
          for (const step of behind) act(step)
          const after = inFlight()
          const fresh = visible.filter((cursor) => !seen.has(cursor))
          for (const cursor of fresh) {
            if (from !== undefined) expect(cursor).toBeGreaterThanOrEqual(from)
            seen.add(cursor)
          }
          const highest = fresh.reduce<Cursor>((a, b) => (a === undefined || b > a ? b : a), undefined)
          mark = poll(mark, { before, after, clock: time, highest, lookBackUs })
        }
        for (const step of script) {
          if (step.do === 'poll') take(step.between, step.behind)
          else act(step)
        }
        while (open.length > 0) act({ do: 'commit', who: 0 })
        take([], [])
        take([], [])
        expect([...committed].every((cursor) => seen.has(cursor))).toBe(true)
      },
    ),
    { numRuns: 1_000 },
  )
})
