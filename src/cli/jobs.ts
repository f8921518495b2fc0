/** `jobs start · list · show · follow · logs · cancel · retry`, and the process that keeps a job. */
import { PipelineError } from '../core/errors.ts'
import { hasJobEnded, type Job, type JobState } from '../core/job.ts'
import { bytes, duration } from '../core/quantity.ts'
import { type CommandContext, type CommandEnd, done, type Outcome } from './command.ts'
import { StatusLine } from './display/status-line.ts'
import { EXIT, type ExitCode } from './exit-code.ts'
import { commandText, jobEvent, jobFacts, progressText, stateText } from './job-text.ts'
import { printable } from './terminal-text.ts'

/** Those that take long, ask nothing, and can be told to stop. */
const LONG_COMMANDS: readonly string[] = [
  'files check',
  'files load',
  'files report',
  'files delete',
  'sync',
  'backfill',
  'verify',
  'cleanup',
]
/** Of its output, in `show`. */
const LINES_SHOWN = 15
const FOOT_EVERY_MS = 500

export interface MemoryOptions {
  /** Bytes. */
  readonly memory?: number | undefined
}

export async function start(
  context: CommandContext,
  command: readonly string[],
  options: MemoryOptions,
): Promise<CommandEnd> {
  return begin(context, command, options)
}

/** For `--background` of a command: the command line as it was typed, without what the job is told besides. */
export function startInBackground(context: CommandContext, options: MemoryOptions): Promise<CommandEnd> {
  const words = context.argv.filter(
    (word, index, all) => word !== '--background' && !word.startsWith('--memory') && all[index - 1] !== '--memory',
  )
  return begin(context, words, options, [])
}

async function begin(
  context: CommandContext,
  command: readonly string[],
  { memory }: MemoryOptions,
  globals: readonly string[] = globalWords(context),
): Promise<CommandEnd> {
  // A job tells its events to its keeper whatever it prints, and what it prints is for people.
  const argv = [...globals, ...command.filter((word) => word !== '--json')]
  const { name, options } = context.readCommand(argv)
  if (!LONG_COMMANDS.includes(name)) {
    throw new PipelineError('config_invalid', `Starting ${name} as a job`, {
      cause: new Error('it answers at once or asks questions, so there is nothing to run in the background'),
      hint: `Jobs are for ${LONG_COMMANDS.join(', ')}`,
    })
  }
  const jobs = await context.openJobs(options.config)
  const { config: configFile, set: settings } = options
  const job = await jobs.startCommand({ name, argv, configFile, settings, memoryBytesMax: memory }, context.signal)
  return tellStart(context, job)
}

/** Options for all commands hold for the command of the job too. */
function globalWords({ options }: CommandContext): readonly string[] {
  return [
    ...(options.config === undefined ? [] : ['--config', options.config]),
    ...options.set.flatMap((setting) => ['--set', setting]),
    ...(options.logLevel === undefined ? [] : ['--log-level', options.logLevel]),
  ]
}

function tellStart({ output, program }: CommandContext, job: Job): CommandEnd {
  output.event(jobEvent(job))
  const { green, yellow, bold } = output.colors
  const memory = `at most ${bytes(job.memoryBytesMax)} of memory`
  if (job.waitsFor !== undefined)
    output.answer(
      `${yellow('…')} ${bold(job.id)} waits for ${job.waitsFor}, which writes the same state; then it runs.`,
    )
  else if (hasJobEnded(job.state)) output.answer(`${bold(job.id)} has ended already: ${job.state}.`)
  else output.answer(`${green('✓')} ${bold(job.id)} runs in the background, with ${memory}.`)
  output.note(`  ${program} jobs follow ${job.id}     its output, until it ends`)
  output.note(`  ${program} jobs cancel ${job.id}     finish what is in hand, and end`)
  return done({ job: job.id, state: job.state })
}

export async function list(context: CommandContext, { limit }: { readonly limit: number }): Promise<CommandEnd> {
  const { output } = context
  const jobs = (await context.openJobs()).list(limit)
  const nowMs = Date.now()
  for (const job of jobs) output.event(jobEvent(job))
  if (jobs.length === 0) output.answer(`There are no jobs yet: ${context.program} jobs start -- files load`)
  else {
    output.table(
      [
        { title: 'JOB' },
        { title: 'STATE' },
        { title: 'STARTED', align: 'right' },
        { title: 'TOOK', align: 'right' },
        { title: 'COMMAND', flexible: true },
        { title: 'HOW FAR', flexible: true },
      ],
      jobs.map((job) => [
        job.id,
        stateText(job),
        `${duration(Math.max(0, nowMs - job.createdMs))} ago`,
        took(job, nowMs),
        commandText(job),
        progressText(job),
      ]),
    )
    if (jobs.length === limit) output.note(`There may be more: --limit shows more than ${limit}.`)
  }
  const open = jobs.filter((job) => !hasJobEnded(job.state)).length
  return done({ jobs: jobs.length, open })
}

export async function show(context: CommandContext, id: string): Promise<CommandEnd> {
  const { output } = context
  const jobs = await context.openJobs()
  const job = jobs.show(id)
  output.event(jobEvent(job))
  for (const [name, value] of jobFacts(job, Date.now())) output.answer(`${name.padEnd(10)} ${printable(value)}`)
  const last: string[] = []
  for await (const { text } of jobs.output(job.id, 'text', context.signal)) {
    last.push(...text.trimEnd().split('\n'))
    last.splice(0, last.length - LINES_SHOWN)
  }
  if (last.length > 0) {
    output.answer()
    output.answer(`The end of its output (all of it: ${context.program} jobs logs ${job.id}):`)
    for (const line of last) output.answer(`  ${printable(line)}`)
  }
  return done({ job: job.id, state: job.state })
}

export async function logs(context: CommandContext, id: string): Promise<CommandEnd> {
  const jobs = await context.openJobs()
  const job = jobs.show(id)
  await print(context, jobs.output(job.id, context.output.json ? 'events' : 'text', context.signal))
  return done({ job: job.id, state: job.state })
}

export async function follow(context: CommandContext, id: string): Promise<CommandEnd> {
  const { output, program, signal } = context
  const jobs = await context.openJobs()
  const job = jobs.show(id)
  if (job.waitsFor !== undefined) output.note(`${job.id} waits for ${job.waitsFor}.`)
  try {
    using status = footOf(context, () => progressText(jobs.show(job.id)))
    await print(context, jobs.follow(job.id, output.json ? 'events' : 'text', signal), status)
    status?.[Symbol.dispose]()
    return tellEnd(context, await jobs.wait(job.id, 'ended', signal))
  } catch (error) {
    if (signal.aborted) output.note(`${job.id} goes on: ${program} jobs follow ${job.id}`)
    throw error
  }
}

export async function cancel(
  context: CommandContext,
  id: string,
  { grace }: { readonly grace: number },
): Promise<CommandEnd> {
  const { output, signal } = context
  const jobs = await context.openJobs()
  const asked = jobs.cancel(id, grace)
  const since = asked.cancel === undefined ? 0 : Date.now() - asked.cancel.askedMs
  const limit = duration(asked.cancel?.graceMs ?? grace)
  if (since > 1000) output.note(`${asked.id} was asked to stop ${duration(since)} ago; it is given ${limit} in all.`)
  else output.note(`${asked.id} finishes what it has in hand; in ${limit} it is ended.`)
  const ended = await jobs.wait(asked.id, 'ended', signal)
  output.event(jobEvent(ended))
  const { green, yellow } = output.colors
  const wasInTime = ended.state === 'cancelled'
  const said = wasInTime ? 'cancelled; what was committed stays' : `had ended before: ${ended.state}`
  output.answer(`${wasInTime ? green('✓') : yellow('!')} ${ended.id}: ${said}.`)
  if (ended.reason !== undefined) output.answer(`  ${printable(ended.reason)}`)
  return done({ job: ended.id, state: ended.state })
}

export async function retry(context: CommandContext, id: string, options: MemoryOptions): Promise<CommandEnd> {
  const jobs = await context.openJobs()
  return tellStart(context, await jobs.retry(id, options.memory, context.signal))
}

/** Runs in the background, in the process of its own that a job has. */
export async function keep(context: CommandContext, id: string): Promise<CommandEnd> {
  await (await context.openJobs()).keep(id, context.signal)
  return done()
}

async function print(
  { output }: CommandContext,
  pieces: AsyncIterable<{ readonly text: string; readonly afterGap: boolean }>,
  status?: Foot,
): Promise<void> {
  const write = (text: string) => {
    for (const line of text.trimEnd().split('\n')) {
      if (output.json) relay(output.event, line)
      else output.answer(printable(line))
    }
  }
  for await (const { text, afterGap } of pieces) {
    if (afterGap) output.note('… what was said before is not kept any more')
    if (status === undefined) write(text)
    else status.around(() => write(text))
  }
}

interface Foot extends Disposable {
  around(work: () => void): void
}

/** How far it is, at the foot of a terminal. Undefined elsewhere. */
function footOf({ output, stdout, stderr, environment }: CommandContext, textOf: () => string): Foot | undefined {
  if (output.json || stdout.isTTY !== true || stderr.isTTY !== true || environment.TERM === 'dumb') return undefined
  const line = new StatusLine(stderr)
  const timer = setInterval(() => {
    try {
      line.draw(textOf())
    } catch {
      // Whoever reads the output meets the same trouble, and tells it.
    }
  }, FOOT_EVERY_MS)
  return {
    around: (work) => line.around(work),
    [Symbol.dispose]: () => {
      clearInterval(timer)
      line[Symbol.dispose]()
    },
  }
}

/** All but the command's own end, as each command line has one end. */
function relay(event: (fields: Readonly<Record<string, unknown>>) => void, line: string): void {
  const fields = JSON.parse(line) as Readonly<Record<string, unknown>>
  if (fields.event !== 'end') event(fields)
}

const OUTCOMES: Readonly<Record<JobState, readonly [Outcome, ExitCode]>> = {
  queued: ['interrupted', EXIT.interrupted],
  running: ['interrupted', EXIT.interrupted],
  succeeded: ['ok', EXIT.ok],
  failed: ['failed', EXIT.unexpected],
  cancelled: ['interrupted', EXIT.interrupted],
  lost: ['failed', EXIT.unexpected],
}

/** As its command would have ended: its exit code is that of the job's command where that came to its end. */
function tellEnd({ output }: CommandContext, job: Job): CommandEnd {
  output.event(jobEvent(job))
  const { noteColors: colors } = output
  const mark =
    job.state === 'succeeded' ? colors.green('✓') : job.state === 'cancelled' ? colors.yellow('■') : colors.red('✗')
  const tookText = took(job, Date.now())
  output.note(`${mark} ${job.id}: ${job.state}${tookText === '' ? '' : ` after ${tookText}`}`)
  if (job.reason !== undefined) output.note(`  ${printable(job.reason)}`)
  if (job.hint !== undefined) output.note(`  ${colors.green('fix:')} ${printable(job.hint)}`)
  const [outcome, exitCode] = OUTCOMES[job.state]
  const own = Object.values(EXIT).find((code) => code === job.exitCode)
  return { outcome, exitCode: own ?? exitCode, fields: { job: job.id, state: job.state } }
}

function took({ startedMs, endedMs }: Job, nowMs: number): string {
  return startedMs === undefined ? '' : duration(Math.max(0, (endedMs ?? nowMs) - startedMs))
}
