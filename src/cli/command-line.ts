/** From a command line to an exit code: parses, runs one command, and says how it ended. */
import { CommanderError } from 'commander'
import type { Application, OpenApplication, Reloads } from '../core/application.ts'
import { LOG_LEVELS, type LogLevel } from '../core/application.ts'
import type { RunDemo } from '../core/demo.ts'
import { PipelineError } from '../core/errors.ts'
import type { OpenedJobs, OpenJobs } from '../core/job.ts'
import type { RunLocalSnowflake } from '../core/local-snowflake.ts'
import type { CommandContext, CommandEnd, WrittenCommand } from './command.ts'
import { errorEvent, errorLines } from './error-report.ts'
import { EXIT, type ExitCode, exitCodeOf } from './exit-code.ts'
import { createOutput, type Output, type TextStream } from './output.ts'
import { palette } from './palette.ts'
import { createProgram, type Program } from './program.ts'

/** The process around the command line. */
export interface Surroundings {
  /** Without the program's name. */
  readonly argv: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly stdin: NodeJS.ReadStream
  readonly stdout: TextStream
  readonly stderr: TextStream
  readonly version: string
  /** How a person calls this program: `npx simplyload`. */
  readonly program: string
  readonly openApplication: OpenApplication
  readonly runDemo: RunDemo
  readonly runLocalSnowflake: RunLocalSnowflake
  readonly openJobs: OpenJobs
  /** Hears each JSON line, also where none is printed. */
  readonly onEvent?: ((line: string) => void) | undefined
  /** Aborted when the process is asked to stop. */
  readonly signal: AbortSignal
  /** Asks the process to stop, as a signal would. */
  readonly interrupt: () => void
  /** Tells when the configuration is to be read again: on SIGHUP. */
  readonly reloads: Reloads
}

/** Never rejects: whatever happens is told, and is an exit code. */
export async function runCommandLine(surroundings: Surroundings): Promise<ExitCode> {
  const { argv, environment, stdout, stderr } = surroundings
  // Known before parsing, because also a line that does not parse ends with a JSON line where JSON was asked for.
  const json = argv.includes('--json')
  const wanted = !argv.includes('--no-color')
  const colors = [
    palette(stdout.isTTY === true, wanted, environment),
    palette(stderr.isTTY === true, wanted, environment),
  ] as const
  const output = createOutput(json, stdout, stderr, colors, surroundings.onEvent)
  const program = createProgram(surroundings.version, surroundings.runDemo, surroundings.runLocalSnowflake)
  const end = await run(program, surroundings, output)
  output.event({ event: 'end', outcome: end.outcome, exitCode: end.exitCode, ...end.fields })
  return end.exitCode
}

async function run(program: Program, surroundings: Surroundings, output: Output): Promise<CommandEnd> {
  const parsed = parse(program, surroundings, output)
  if (parsed !== undefined) return parsed
  const invocation = program.invocation()
  if (invocation === undefined) return { outcome: 'failed', exitCode: EXIT.configuration, fields: { code: 'usage' } }
  const options = program.globalOptions()
  await using opened = new AsyncDisposableStack()
  const context: CommandContext = {
    argv: surroundings.argv,
    options,
    output,
    stdin: surroundings.stdin,
    stdout: surroundings.stdout,
    stderr: surroundings.stderr,
    environment: surroundings.environment,
    program: surroundings.program,
    signal: surroundings.signal,
    interrupt: surroundings.interrupt,
    reloads: surroundings.reloads,
    async open(overrides): Promise<Application> {
      const application = await surroundings.openApplication({
        configFile: overrides?.configFile ?? options.config,
        mayLackFile: overrides?.mayLackFile,
        settings: options.set,
        environment: { ...surroundings.environment, ...overrides?.environment },
        logLevel: LOG_LEVELS.find((level): level is LogLevel => level === options.logLevel) ?? 'silent',
      })
      return opened.use(application)
    },
    openJobs: async (configFile = options.config): Promise<OpenedJobs> =>
      opened.use(await surroundings.openJobs(configFile)),
    readCommand: (argv) => readCommand(argv, surroundings),
  }
  try {
    return await invocation(context)
  } catch (error) {
    if (isInterruption(error, surroundings.signal)) {
      output.note('Interrupted.')
      return { outcome: 'interrupted', exitCode: EXIT.interrupted, fields: {} }
    }
    output.event(errorEvent(error))
    output.alert(errorLines(error, output.noteColors, options.logLevel === 'debug'))
    return { outcome: 'failed', exitCode: exitCodeOf(error), fields: {} }
  }
}

/** Whoever was waiting may have wrapped the reason. */
function isInterruption(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current === signal.reason || current.name === 'AbortError') return true
  }
  return false
}

/** Undefined: go on. Else the line is answered: by help, the version, or what is wrong with it. */
function parse(program: Program, surroundings: Surroundings, output: Output): CommandEnd | undefined {
  const answer = answerTo(program, surroundings.argv, surroundings)
  if (answer === undefined) return undefined
  const { text, isError } = answer
  if (!isError) {
    output.event({ event: 'text', text })
    output.answer(text)
    return { outcome: 'ok', exitCode: EXIT.ok, fields: {} }
  }
  output.event({ event: 'error', code: 'usage', message: text })
  output.alert([text])
  return { outcome: 'failed', exitCode: EXIT.configuration, fields: { code: 'usage' } }
}

/** What the parser says in place of going on. */
function answerTo(
  program: Program,
  argv: readonly string[],
  { stdout, stderr }: Surroundings,
): { readonly text: string; readonly isError: boolean } | undefined {
  const said: string[] = []
  for (const command of [program.commander, ...program.commander.commands.flatMap((one) => [one, ...one.commands])]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => said.push(text),
      writeErr: (text) => said.push(text),
      getOutHelpWidth: () => stdout.columns ?? 80,
      getErrHelpWidth: () => stderr.columns ?? 80,
    })
  }
  try {
    program.commander.parse(argv, { from: 'user' })
    return undefined
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return { text: said.join('').trimEnd(), isError: error.exitCode !== 0 }
  }
}

function readCommand(argv: readonly string[], surroundings: Surroundings): WrittenCommand {
  const program = createProgram(surroundings.version, surroundings.runDemo, surroundings.runLocalSnowflake)
  let name: string | undefined
  program.commander.hook('preAction', (_, command) => {
    const names: string[] = []
    for (let one = command; one.parent !== null; one = one.parent) names.unshift(one.name())
    name = names.join(' ')
  })
  const answer = answerTo(program, argv, surroundings)
  if (name !== undefined && answer === undefined) return { name, options: program.globalOptions() }
  throw new PipelineError('config_invalid', 'Reading the command line of the job', {
    cause: new Error(answer?.text ?? 'it names no command'),
    hint: 'Write it after -- as it would be run: simplyload jobs start -- files load',
  })
}
