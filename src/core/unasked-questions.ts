/** Questions about a file that could not be asked: what one cause has kept from being asked is said once. */
import type { CheckResult, Severity } from './file-check.ts'

const NAMED_MAX = 3
const RANK: Readonly<Record<Severity, number>> = { CRITICAL: 0, WARNING: 1, INFO: 2 }

export interface UnaskedQuestions {
  /** The worst of theirs. */
  readonly severity: Severity
  /** Without a full stop. */
  readonly message: string
}

/** INFO left out: nobody is to act on it. */
export function unaskedQuestions(checks: readonly CheckResult[]): readonly UnaskedQuestions[] {
  const open = checks.filter(({ outcome, severity }) => outcome === 'not_evaluated' && severity !== 'INFO')
  const cause = commonCause(checks)
  const groups = Map.groupBy(open, ({ message }) => cause ?? message)
  return [...groups].map(([message, asked]) => ({
    severity: asked.toSorted((a, b) => RANK[a.severity] - RANK[b.severity])[0]?.severity ?? 'INFO',
    message: told(message.replace(/\.$/, ''), asked),
  }))
}

/** Nothing is asked of a file without rows, nor of one that cannot be read. */
function commonCause(checks: readonly CheckResult[]): string | undefined {
  if (checks.some(({ id, outcome }) => id === 'structure.read' && outcome === 'fail'))
    return 'The file could not be read'
  const rows = checks.find(({ id }) => id === 'volume.rows')
  return rows?.evaluated === 0 ? rows.message : undefined
}

function told(cause: string, asked: readonly CheckResult[]): string {
  const [first] = asked
  if (asked.length === 1 && first !== undefined) {
    return `${first.title} was not evaluated: ${cause.charAt(0).toLowerCase()}${cause.slice(1)}`
  }
  const ids = asked.slice(0, NAMED_MAX).map(({ id }) => id)
  const more = asked.length - ids.length
  const names = more > 0 ? `${ids.join(', ')} and ${more} more` : `${ids.slice(0, -1).join(', ')} and ${ids.at(-1)}`
  return `${cause}: ${asked.length} questions were not evaluated (${names})`
}
