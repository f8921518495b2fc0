/**
 * A command line for tests of jobs: `keep FOLDER ID` keeps a job as `simplyload jobs keep` does, `follow FOLDER ID` prints its
 * output as another terminal would, `start FOLDER NEEDS WORDS…` starts one and waits to be killed; everything else is a command that a job runs.
 */
import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
import { openJobChannel } from '../../src/job-channel.ts'
import { openTestJobs } from './test-jobs.ts'

const [command = '', ...words] = process.argv.slice(2)
const [first = '', second = ''] = words
const stop = new AbortController()
const channel = openJobChannel(() => stop.abort())

const COMMANDS: Readonly<Record<string, () => Promise<number> | number>> = {
  async keep() {
    using jobs = openTestJobs(first)
    process.on('SIGTERM', () => stop.abort())
    await jobs.keep(second, stop.signal)
    return 0
  },
  async follow() {
    using jobs = openTestJobs(first)
    for await (const { text } of jobs.follow(second, 'text', new AbortController().signal)) process.stdout.write(text)
    return 0
  },
  async start() {
    const [folder = '', needs = '', ...argv] = words
    using jobs = openTestJobs(folder)
    const job = await jobs.begin(argv, { needs })
    process.stdout.write(`${job.id}\n`)
    await new Promise(() => setInterval(() => undefined, 1000))
    return 0
  },
  say() {
    for (const word of words) process.stdout.write(`${word}\n`)
    return 0
  },
  fail() {
    channel?.tell(
      JSON.stringify({ event: 'error', message: 'Opening the file', causes: ['it is locked'], hint: 'Close it' }),
    )
    process.stderr.write('error: it is locked\n')
    return 5
  },
  /** Until it is told to stop, or its file is there. */
  async wait() {
    process.stdout.write('ready\n')
    while (!stop.signal.aborted && !existsSync(first)) await briefly()
    process.stdout.write('finishing\n')
    return stop.signal.aborted ? 130 : 0
  },
  async stubborn() {
    process.stdout.write('ready\n')
    await new Promise(() => setInterval(() => undefined, 1000))
    return 0
  },
  /** Commits in two steps, again and again; a stop waits for the second one. */
  async commit() {
    for (let number = 1; !stop.signal.aborted; number++) {
      appendFileSync(first, `begin ${number}\n`)
      process.stdout.write(`committing ${number}\n`)
      for (let turn = 0; turn < 20; turn++) await briefly()
      appendFileSync(first, `commit ${number}\n`)
    }
    return 130
  },
  async grow() {
    const held: Buffer[] = []
    for (;;) {
      held.push(Buffer.alloc(16 << 20, held.length + 1))
      await briefly()
    }
  },
  environment() {
    writeFileSync(first, JSON.stringify(process.env))
    return 0
  },
}

function briefly(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10))
}

const exitCode = await COMMANDS[command]?.()
await channel?.close()
process.exit(exitCode ?? 2)
