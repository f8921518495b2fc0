/** From counts to what is said of them. Nothing evaluated is never a pass. */
import type { BadRowSample, CheckKind, CheckOutcome, CheckResult, RowLimit, Severity } from '../../core/file-check.ts'
import { count, counted } from '../../core/quantity.ts'

export const NO_LIMIT: RowLimit = {}

export interface CountedQuestion {
  readonly id: string
  readonly kind: CheckKind
  readonly title: string
  readonly severity: Severity
  readonly evaluated: number
  readonly failed: number
  readonly limit?: RowLimit | undefined
  readonly sql?: string | undefined
  readonly why?: string | undefined
  readonly fix?: string | undefined
  readonly samples?: readonly BadRowSample[] | undefined
  readonly days?: readonly string[] | undefined
  /** `3 of 1,200 values are no bigint`: what is said of failures, and of none. */
  readonly failing: string
  readonly passing: string
  /** Why nothing was evaluated. */
  readonly unasked?: string | undefined
}

/** Rows that may fail: the smaller one of both limits; none where there is no limit. */
export function allowedRows({ rows, share }: RowLimit, evaluated: number): number {
  if (rows === undefined && share === undefined) return 0
  // A share means the decimal that was written: in binary 0.29 of 100 is 28.999999999999996.
  const ofShare = share === undefined ? Number.POSITIVE_INFINITY : share * evaluated * (1 + 4 * Number.EPSILON)
  return Math.min(rows ?? Number.POSITIVE_INFINITY, ofShare)
}

export function judgeCounts(question: CountedQuestion): CheckResult {
  const { evaluated, failed, limit = NO_LIMIT } = question
  const allowed = allowedRows(limit, evaluated)
  const outcome: CheckOutcome = failed > allowed ? 'fail' : evaluated === 0 ? 'not_evaluated' : 'pass'
  const within = failed > 0 && outcome === 'pass' ? `; ${describeLimit(limit)} may` : ''
  return {
    ...described(question),
    outcome,
    message:
      outcome === 'not_evaluated'
        ? (question.unasked ?? 'There was nothing to ask it of')
        : failed > 0
          ? question.failing + within
          : question.passing,
    evaluated,
    failed,
    limit,
    samples: question.samples ?? [],
    days: question.days ?? [],
  }
}

/** A question that could not be asked, with what was missing. */
export function unasked(
  question: Pick<CountedQuestion, 'id' | 'kind' | 'title' | 'severity' | 'why' | 'fix' | 'sql' | 'limit'>,
  message: string,
): CheckResult {
  return {
    ...described(question),
    outcome: 'not_evaluated',
    message,
    evaluated: 0,
    failed: 0,
    limit: question.limit ?? NO_LIMIT,
    samples: [],
    days: [],
  }
}

function described({
  id,
  kind,
  title,
  severity,
  sql,
  why,
  fix,
}: Pick<CountedQuestion, 'id' | 'kind' | 'title' | 'severity' | 'why' | 'fix' | 'sql'>) {
  return { id, kind, title, severity, sql, why, fix }
}

function describeLimit({ rows, share }: RowLimit): string {
  const parts = [
    ...(rows === undefined ? [] : [counted(rows, 'row')]),
    ...(share === undefined ? [] : [`${Number((share * 100).toPrecision(12))}% of the rows`]),
  ]
  return `up to ${parts.join(' and ')}`
}

/** `3 of 1,200 rows`. */
export function part(failed: number, evaluated: number, one: string, many = `${one}s`): string {
  return `${count(failed)} of ${counted(evaluated, one, many)}`
}
