/** The sync as a process of its own, so that it can be killed like one. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface SyncChildOptions {
  readonly configFile: string
  /** Standard output and error are appended. */
  readonly logFile: string
  readonly once: boolean
  /** Undefined: the destination does not fail. */
  readonly faults: { readonly seed: number; readonly rate: number } | undefined
}

export interface SyncExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The last line of standard error, for reports. */
  readonly lastWords: string
}

const PROGRAM = fileURLToPath(new URL('sync-process.ts', import.meta.url))

export class SyncChild {
  readonly exited: Promise<SyncExit>
  readonly #process: ChildProcess
  #lastWords = ''

  constructor(options: SyncChildOptions) {
    const faults = options.faults === undefined ? [] : [`--faults=${options.faults.seed}:${options.faults.rate}`]
    const child = spawn(
      process.execPath,
      [PROGRAM, `--config=${options.configFile}`, ...(options.once ? ['--once'] : []), ...faults],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    const log = createWriteStream(options.logFile, { flags: 'a' })
    log.write(`--- ${new Date().toISOString()} started ${child.pid}${faults.join(' ')}\n`)
    child.stdout.on('data', (bytes: Buffer) => log.write(bytes))
    child.stderr.on('data', (bytes: Buffer) => {
      log.write(bytes)
      this.#lastWords = bytes.toString().trim().split('\n').at(-1) ?? this.#lastWords
    })
    this.#process = child
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => {
        log.end(`--- ${new Date().toISOString()} ended ${code ?? signal}\n`)
        resolve({ code, signal, lastWords: this.#lastWords })
      })
    })
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** SIGKILL by default. Resolves when the process is gone. */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<SyncExit> {
    if (this.running) this.#process.kill(signal)
    return this.exited
  }
}
