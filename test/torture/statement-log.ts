import { createWriteStream, type WriteStream } from 'node:fs'

const LONGEST = 2_000

/** Everything that was done to the source, in its order, for whoever looks into a failure. */
export class StatementLog {
  readonly #stream: WriteStream
  statements = 0
  rows = 0

  constructor(file: string) {
    this.#stream = createWriteStream(file)
  }

  /** `result`: rows, or why it failed. */
  note(who: string, sql: string, result: number | string): void {
    this.statements++
    if (typeof result === 'number') this.rows += result
    const shown = sql.length > LONGEST ? `${sql.slice(0, LONGEST)}…` : sql
    this.#stream.write(`${new Date().toISOString()} ${who} ${JSON.stringify(shown)} -- ${result}\n`)
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#stream.end(() => resolve()))
  }
}
