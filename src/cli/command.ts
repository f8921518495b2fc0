/** What every command gets and gives. */
import type { Application, Reloads } from '../core/application.ts'
import type { OpenedJobs } from '../core/job.ts'
import { EXIT, type ExitCode } from './exit-code.ts'
import type { Output, TextStream } from './output.ts'

export interface GlobalOptions {
  readonly config: string | undefined
  readonly json: boolean
  readonly set: readonly string[]
  readonly logLevel: string | undefined
  readonly color: boolean
}

export interface CommandContext {
  /** The command line as it was typed, without the program's name. */
  readonly argv: readonly string[]
  readonly options: GlobalOptions
  readonly output: Output
  readonly stdin: NodeJS.ReadStream
  readonly stdout: TextStream
  readonly stderr: TextStream
  readonly environment: Readonly<Record<string, string | undefined>>
  /** How a person calls this program: `npx simplyload`. */
  readonly program: string
  /** Aborted by the first SIGINT or SIGTERM: finish what is in hand. The second ends the process. */
  readonly signal: AbortSignal
  /** As if the first SIGINT had come; the second call ends the process. */
  readonly interrupt: () => void
  /** Tells when the configuration is to be read again. */
  readonly reloads: Reloads
  /** Reads the configuration. Closed when the command ends. */
  readonly open: (overrides?: OpenOverrides) => Promise<Application>
  /** Finds the configuration, and reads the records of jobs beside it. Closed when the command ends. */
  readonly openJobs: (configFile?: string) => Promise<OpenedJobs>
  /** Reads a command line without running it. Throws `config_invalid` where it would not run. */
  readonly readCommand: (argv: readonly string[]) => WrittenCommand
}

export interface WrittenCommand {
  /** `files load` of `files load data/*.tsv`. */
  readonly name: string
  readonly options: GlobalOptions
}

export interface OpenOverrides {
  readonly configFile?: string
  /** Variables beside those of the process. */
  readonly environment?: Readonly<Record<string, string>>
  /** As in `ApplicationOptions`. */
  readonly mayLackFile?: boolean
}

export type Outcome = 'ok' | 'failed' | 'partial' | 'different' | 'interrupted'

/** The last line of `--json`, and the exit code. */
export interface CommandEnd {
  readonly outcome: Outcome
  readonly exitCode: ExitCode
  readonly fields: Readonly<Record<string, unknown>>
}

/** What a command line asks for, ready to run. */
export type Invocation = (context: CommandContext) => Promise<CommandEnd>

/** Keeps what the line that is being parsed asks for. */
export type Choose = (invocation: Invocation) => void

export function done(fields: Readonly<Record<string, unknown>> = {}): CommandEnd {
  return { outcome: 'ok', exitCode: EXIT.ok, fields }
}
