/** What this machine lacks while files are checked: room on a disk, or memory. Never a finding about a file. */
import { PipelineError } from '../../core/errors.ts'

const FULL = /ENOSPC|EDQUOT|No space left|quota exceeded|could not write|failed to offload|max_temp_directory_size/i
const MEMORY = /Out of Memory|failed to (?:allocate|pin)/i

export function isResourceError(error: unknown): boolean {
  return FULL.test(textOf(error)) || MEMORY.test(textOf(error))
}

/** `folder`: where results, bad rows and what does not fit into memory are written. Anything else comes back as it is. */
export function resourceError(error: unknown, folder: string, doing = 'Checking files'): unknown {
  if (error instanceof PipelineError || !isResourceError(error)) return error
  const text = textOf(error)
  const isFull = FULL.test(text)
  // What DuckDB advises behind its first line is about settings that nobody can reach; of its disk it says that memory is full.
  const [first = text] = text.split('\n')
  const said = isFull ? first.replace(/^Out of Memory Error: /, 'no space left: ') : first
  return new PipelineError(isFull ? 'state_full' : 'destination_memory', doing, {
    cause: new Error(said),
    hint: isFull
      ? `Make room on the disk of ${folder}: results and bad rows are written there, and what does not fit into memory (--memory). Then run it again: what was loaded stays loaded.`
      : 'Give it more memory: --memory 8GiB.',
    context: { path: folder },
  })
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
