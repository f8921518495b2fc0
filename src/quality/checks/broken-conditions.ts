/**
 * Conditions of people that cannot be computed for every row, such as a cast of text that is no number. DuckDB stops the whole scan
 * for one of them, so they are found and left out: the file's other questions are none of their business.
 */
import type { CheckRule } from '../../core/file-check.ts'
import type { FilePasses } from './file-passes.ts'

export interface BrokenRule {
  readonly rule: CheckRule
  /** As DuckDB says. */
  readonly failure: string
}

/**
 * Halves of halves, so that one in a thousand is found in ten readings; those that fail end at the first such row. TRY would do it in
 * one, but DuckDB 1.5 takes what two of them have in common out of both.
 */
export async function brokenConditions(
  reader: FilePasses,
  rules: readonly CheckRule[],
  signal: AbortSignal,
): Promise<readonly BrokenRule[]> {
  const counts = rules.flatMap(({ question }) =>
    question.kind === 'condition' ? [`count(*) FILTER (NOT (${question.sql}\n))`] : [],
  )
  if (counts.length === 0) return []
  const answer = await reader.pass({}, signal, ({ relation, rows }) =>
    rows(`${relation.prologue}SELECT ${counts.join(', ')} FROM file`),
  )
  if (!('failure' in answer)) return []
  const [only, ...others] = rules
  if (only !== undefined && others.length === 0) return [{ rule: only, failure: answer.failure }]
  const middle = rules.length >> 1
  return [
    ...(await brokenConditions(reader, rules.slice(0, middle), signal)),
    ...(await brokenConditions(reader, rules.slice(middle), signal)),
  ]
}
