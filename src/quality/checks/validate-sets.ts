/** What can be said of sets before there is a file: whether their rules can be asked. */
import type { FileSet } from '../../core/file-set.ts'
import { CheckDatabase } from './check-database.ts'
import { findRuleProblems, type RuleProblem, referredFiles, ruleError } from './inspect-rules.ts'

const MEMORY_BYTES = 512 * 2 ** 20

export interface ValidationSetting {
  readonly folder: string
  readonly resolve: (file: string) => string
  readonly locate: (problem: RuleProblem) => string | undefined
}

/**
 * Throws `config_invalid` with every rule that cannot be, and where it is written by `locate`. `folder`: absolute, for what does not fit into memory; nothing is written
 * there before that. `resolve`: absolute path of a file that a rule refers to.
 */
export async function validateSets(
  sets: readonly FileSet[],
  { folder, resolve, locate }: ValidationSetting,
  signal: AbortSignal,
): Promise<void> {
  const paths = referredFiles(sets, resolve)
  await using database = await CheckDatabase.open({ memoryBytes: MEMORY_BYTES, threads: 1, folder, paths })
  const problems: RuleProblem[] = []
  for (const set of sets) {
    using session = await database.session(signal)
    problems.push(...(await findRuleProblems(set, session, resolve)))
  }
  if (problems.length > 0) throw ruleError(problems, locate)
}
