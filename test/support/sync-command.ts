import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

type Event = Readonly<Record<string, unknown>>

const PROGRAM = fileURLToPath(new URL('../../src/bin.ts', import.meta.url))
const WAIT_MS = 60_000

/** `simplyload sync` as a process of its own, as a daemon runs it. */
export class SyncCommand implements AsyncDisposable {
  readonly events: Event[] = []
  readonly ended: Promise<number | null>
  readonly #child
  readonly #waiters = new Set<() => void>()

  constructor(folder: string, args: readonly string[] = []) {
    this.#child = spawn(process.execPath, [PROGRAM, '--json', 'sync', ...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.events.push(JSON.parse(line) as Event)
      for (const wake of this.#waiters) wake()
    })
    this.ended = new Promise((resolve) => this.#child.once('close', resolve))
  }

  signal(name: 'SIGHUP' | 'SIGTERM' | 'SIGKILL'): void {
    this.#child.kill(name)
  }

  /** The first event that fits, among those since the given one. */
  async heard(fits: (event: Event) => boolean, since = 0): Promise<Event> {
    const { promise, resolve, reject } = Promise.withResolvers<Event>()
    const look = () => {
      const found = this.events.slice(since).find(fits)
      if (found !== undefined) resolve(found)
    }
    const told = () => JSON.stringify(this.events.slice(-5))
    const timer = setTimeout(() => reject(new Error(`waited ${WAIT_MS} ms; last was ${told()}`)), WAIT_MS)
    this.#waiters.add(look)
    look()
    try {
      return await Promise.race([
        promise,
        this.ended.then(() => Promise.reject(new Error(`the sync ended; last was ${told()}`))),
      ])
    } finally {
      clearTimeout(timer)
      this.#waiters.delete(look)
    }
  }

  /** A table has come to a state. */
  async reached(table: string, state: string, since = 0): Promise<void> {
    await this.heard((event) => event.event === 'state' && event.table === table && event.state === state, since)
  }

  /** What the sync tells people. */
  async told(text: string, since = 0): Promise<Event> {
    return this.heard((event) => event.event === 'notice' && String(event.message).includes(text), since)
  }

  async stop(): Promise<number | null> {
    this.signal('SIGTERM')
    return this.ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGKILL')
    await this.ended
  }
}
