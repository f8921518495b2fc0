/** The process: signals, exit code, and the wiring that only a whole process needs. */
import { closeSync, openSync, readFileSync } from 'node:fs'
import { runCommandLine } from './cli/command-line.ts'
import { exposeCollector, giveHeapRoom } from './v8-flags.ts'

giveHeapRoom()
exposeCollector()
const stop = new AbortController()

/** The first request finishes what is in hand; the second ends the process, which loses nothing: what counts is committed. */
function interrupt(): void {
  if (stop.signal.aborted) process.exit(130)
  stop.abort(new DOMException('Interrupted', 'AbortError'))
}

process.on('SIGINT', interrupt)
process.on('SIGTERM', interrupt)
const reloading = new Set<() => void>()
process.on('SIGHUP', () => {
  // To a daemon it says: read the configuration again. Where a terminal was closed it says that nobody looks any more.
  const isHungUp = process.stdin.isTTY === true && !hasTerminal()
  if (reloading.size === 0 || isHungUp) interrupt()
  else for (const reload of reloading) reload()
})

/** False once the terminal that this process was started in is gone. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

/** Only where this process is a job; then the keeper's wish to stop is as a signal would be, and so is its end. */
const channel =
  process.send === undefined
    ? undefined
    : (await import('./job-channel.ts')).openJobChannel(() => {
        if (!stop.signal.aborted) interrupt()
      })

// A reader that went away (`simplyload query … | head`) is no error; a job whose keeper went away finishes what is in hand.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE' && channel !== undefined) return
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

const exitCode = await runCommandLine({
  argv: process.argv.slice(2),
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  version,
  // In a clone there is no installed command, but an npm script that starts the right Node.
  program: import.meta.url.endsWith('.ts') ? 'npm run --silent simplyload --' : 'npx simplyload',
  openApplication: async (options) => (await import('./app/open-application.ts')).openApplication(options),
  runDemo: async (request, listener) => {
    const [{ openApplication }, { tellStory }] = await Promise.all([
      import('./app/open-application.ts'),
      import('./demo/story.ts'),
    ])
    return tellStory(openApplication, request, listener)
  },
  runLocalSnowflake: async (request, onReady) =>
    (await import('./app/local-snowflake.ts')).runLocalSnowflake(request, onReady),
  openJobs: async (configFile) =>
    (await import('./app/jobs.ts')).openJobs(configFile, [process.execPath, process.argv[1] ?? ''], process.env),
  onEvent: channel?.tell,
  signal: stop.signal,
  interrupt,
  reloads(listener) {
    reloading.add(listener)
    return { [Symbol.dispose]: () => reloading.delete(listener) }
  },
})
await channel?.close()
// Output to a pipe may still be on its way; handles that libraries forgot must not keep the process alive.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)))
