/**
 * The one scan: every question that a row can answer by itself, counted by day, with the sums. In the dialect of the file's reader
 * or of a destination. The same expression is asked once, however many questions need it.
 */
import type { RuleDialect } from '../rules/rule-dialect.ts'

export interface ScanCounter {
  readonly id: string
  /** Aggregates. */
  readonly evaluated: string
  readonly failed: string
}

export interface DayScan {
  /** Ends with the rows of a day: days since 1970 or NULL, rows, then the aggregates. */
  readonly sql: string
  readonly counters: readonly { readonly id: string; readonly evaluated: number; readonly failed: number }[]
  /** Names of the columns, and the place of their sums among the aggregates. */
  readonly sums: readonly { readonly name: string; readonly at: number }[]
}

export interface DayScanRequest {
  readonly dialect: RuleDialect
  /** `WITH … ` and the relation, as it stands after FROM. */
  readonly prologue: string
  readonly from: string
  /** Days since 1970 as a whole number; undefined: nothing is told by day. */
  readonly day: string | undefined
  readonly counters: readonly ScanCounter[]
  readonly sums: readonly { readonly name: string; readonly value: string }[]
  /** Aggregates that nobody reads. */
  readonly also?: readonly string[]
}

/** Rows of one day, or of those without one. */
export interface ScannedDay {
  readonly day: number | undefined
  readonly rows: number
  /** In the order of the request. */
  readonly evaluated: readonly number[]
  readonly failed: readonly number[]
  /** Exact text; undefined where no row has a value. */
  readonly sums: readonly (string | undefined)[]
}

export function buildDayScan({ dialect, prologue, from, day, counters, sums, also = [] }: DayScanRequest): DayScan {
  const places = new Map<string, number>()
  const placeOf = (aggregate: string): number => {
    const known = places.get(aggregate)
    if (known !== undefined) return known
    places.set(aggregate, places.size)
    return places.size - 1
  }
  const placed = counters.map(({ id, evaluated, failed }) => ({
    id,
    evaluated: placeOf(evaluated),
    failed: placeOf(failed),
  }))
  const summed = sums.map(({ name, value }) => ({ name, at: placeOf(dialect.text(`sum(${value})`, 'decimal')) }))
  for (const aggregate of also) placeOf(aggregate)
  const list = [day ?? 'NULL', 'count(*)', ...places.keys()].map((part) => `  ${part}`).join(',\n')
  const sql = `${prologue}SELECT\n${list}\nFROM ${from}${day === undefined ? '' : '\nGROUP BY 1'}`
  return { sql, counters: placed, sums: summed }
}

/** A row of the result, as numbers, text or bigint. */
export function readScannedDay(scan: DayScan, row: readonly unknown[]): ScannedDay {
  const [day, rows, ...values] = row
  return {
    day: day === null || day === undefined ? undefined : Number(day),
    rows: Number(rows),
    evaluated: scan.counters.map(({ evaluated }) => Number(values[evaluated] ?? 0)),
    failed: scan.counters.map(({ failed }) => Number(values[failed] ?? 0)),
    sums: scan.sums.map(({ at }) => {
      const value = values[at]
      return value === null || value === undefined ? undefined : String(value)
    }),
  }
}
