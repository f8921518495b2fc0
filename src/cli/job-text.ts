/** A job in words, and as an event. */
import { hasJobEnded, type Job } from '../core/job.ts'
import { bytes, count, duration } from '../core/quantity.ts'

/** Options for all commands that stand in front say nothing about what the job does. */
const GLOBAL_OPTIONS: readonly string[] = ['--config', '-c', '--set', '--log-level']

export function commandText({ argv }: Job): string {
  let from = 0
  while (GLOBAL_OPTIONS.includes(argv[from] ?? '')) from += 2
  return argv.slice(from).map(quoted).join(' ')
}

export function stateText({ state, cancel }: Job): string {
  return cancel !== undefined && !hasJobEnded(state) ? 'cancelling' : state
}

/** `file 2 of 5, 1.2 GB of 3.4 GB, 310 MB/s, 12 s left`; why it ended, where that needs saying. */
export function progressText(job: Job): string {
  const { part, parts, rows, bytes: read, bytesTotal, bytesPerSecond, remainingMs } = job.progress
  if (job.waitsFor !== undefined) return `waits for ${job.waitsFor}`
  if (job.reason !== undefined) return job.reason
  const facts: string[] = []
  if (part !== undefined && parts !== undefined) facts.push(`${part} of ${parts}`)
  // The last event of a command that has done all may have been told before its end.
  if (job.state === 'succeeded' && bytesTotal !== undefined) facts.push(bytes(bytesTotal))
  else if (read !== undefined)
    facts.push(bytesTotal === undefined ? bytes(read) : `${bytes(read)} of ${bytes(bytesTotal)}`)
  else if (rows !== undefined) facts.push(`${count(rows)} rows`)
  if (!hasJobEnded(job.state)) {
    if (bytesPerSecond !== undefined) facts.push(`${bytes(bytesPerSecond)}/s`)
    if (remainingMs !== undefined) facts.push(`${duration(remainingMs)} left`)
  }
  return facts.length === 0 && !hasJobEnded(job.state) ? (job.progress.activity ?? '') : facts.join(', ')
}

/** Name and value, for `jobs show`. */
export function jobFacts(job: Job, nowMs: number): readonly (readonly [string, string])[] {
  const ago = (ms: number) => `${new Date(ms).toISOString()} (${duration(Math.max(0, nowMs - ms))} ago)`
  const { rssBytes, rssBytesPeak } = job.progress
  const facts: (readonly [string, string | undefined])[] = [
    ['job', job.id],
    ['state', stateText(job)],
    ['command', commandText(job)],
    ['folder', job.folder],
    ['config', job.configFile],
    ['started by', `${job.user} on ${job.host}`],
    ['asked for', ago(job.createdMs)],
    ['began', job.startedMs === undefined ? undefined : ago(job.startedMs)],
    ['ended', job.endedMs === undefined ? undefined : ago(job.endedMs)],
    ['process', job.pid === undefined ? undefined : String(job.pid)],
    ['memory', memoryText(hasJobEnded(job.state) ? undefined : rssBytes, rssBytesPeak, job.memoryBytesMax)],
    ['repeats', job.retryOf],
    ['waits for', job.waitsFor],
    ['doing', hasJobEnded(job.state) ? undefined : job.progress.activity],
    ['how far', job.reason === undefined && job.waitsFor === undefined ? progressText(job) || undefined : undefined],
    ['exit code', job.exitCode === undefined ? undefined : String(job.exitCode)],
    ['why', job.reason],
    ['fix', job.hint],
  ]
  return facts.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
}

export function jobEvent(job: Job): Readonly<Record<string, unknown>> {
  return { event: 'job', ...job }
}

function memoryText(now: number | undefined, peak: number | undefined, bound: number): string {
  const facts = now === undefined ? [] : [`${bytes(now)} now`]
  if (peak !== undefined) facts.push(`${bytes(peak)} at most so far`)
  facts.push(`bound ${bytes(bound)}`)
  return facts.join(', ')
}

function quoted(word: string): string {
  return /^[\w./:=@%+,*?{}~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
