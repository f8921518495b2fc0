/** What is said of a file as a whole, in three sentences at most. */
import type { CheckResult, Severity, Verdict } from '../../core/file-check.ts'
import { unaskedQuestions } from '../../core/unasked-questions.ts'

const REASONS_MAX = 3
const RANK: Readonly<Record<Severity, number>> = { CRITICAL: 0, WARNING: 1, INFO: 2 }

/** `fail`: a CRITICAL check failed or was not evaluated. `warning`: a WARNING one. */
export function verdictOf(checks: readonly CheckResult[]): Verdict {
  const bad = checks.filter(({ outcome }) => outcome !== 'pass')
  if (bad.some(({ severity }) => severity === 'CRITICAL')) return 'fail'
  return bad.some(({ severity }) => severity === 'WARNING') ? 'warning' : 'pass'
}

/** The worst first; in the order of the questions where they are equally bad, for those before are causes of those behind. */
export function reasonsOf(checks: readonly CheckResult[]): readonly string[] {
  const failed = checks.filter(({ outcome, severity }) => outcome === 'fail' && severity !== 'INFO')
  const bad = [...failed, ...unaskedQuestions(checks)]
  const ordered = bad.toSorted((a, b) => RANK[a.severity] - RANK[b.severity])
  const shown = ordered.slice(0, ordered.length > REASONS_MAX ? REASONS_MAX - 1 : REASONS_MAX).map(sentence)
  const rest = ordered.length - shown.length
  return rest > 0 ? [...shown, `And ${rest} more.`] : shown
}

export function worstVerdict(verdicts: readonly Verdict[]): Verdict {
  return verdicts.includes('fail') ? 'fail' : verdicts.includes('warning') ? 'warning' : 'pass'
}

function sentence({ message }: { readonly message: string }): string {
  return /[.!?]$/.test(message) ? message : `${message}.`
}
