/** What can be said of sets before there is a file: whether their rules can be asked. */
import type { FileSet } from '../../core/file-set.ts'
import { CheckDatabase } from './check-database.ts'
import { inspectRules, referredFiles } from './inspect-rules.ts'

const MEMORY_BYTES = 512 * 2 ** 20

/**
 * Throws `config_invalid` for the first rule that cannot be. `folder`: absolute, for what does not fit into memory; nothing is written
 * there before that. `resolve`: absolute path of a file that a rule refers to.
 */
export async function validateSets(
  sets: readonly FileSet[],
  { folder, resolve }: { readonly folder: string; readonly resolve: (file: string) => string },
  signal: AbortSignal,
): Promise<void> {
  const paths = referredFiles(sets, resolve)
  await using database = await CheckDatabase.open({ memoryBytes: MEMORY_BYTES, threads: 1, folder, paths })
  for (const set of sets) {
    using session = await database.session(signal)
    await inspectRules(set, session, resolve)
  }
}
