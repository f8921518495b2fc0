/**
 * Which way of reading: as configured; under `auto` the one that an earlier run has recorded, since another one would
 * read all tables again; and at the very first run from the log, where `doctor` finds nothing in the way.
 */
import type { Finding } from '../../core/finding.ts'
import { type ReadingMode, readingMode, type SourceIdentity, type TableRequest } from '../../core/source.ts'
import type { Reading } from './reading.ts'

export interface ChosenReading {
  readonly reading: Reading
  /** Which and why, where nobody had said so before. */
  readonly why: string | undefined
}

export class ReadingChoice {
  readonly #mode: 'auto' | ReadingMode
  readonly #recorded: SourceIdentity | undefined
  readonly #log: Reading
  readonly #polling: Reading
  #chosen: Promise<ChosenReading> | undefined

  constructor(mode: 'auto' | ReadingMode, recorded: SourceIdentity | undefined, log: Reading, polling: Reading) {
    this.#mode = mode
    this.#recorded = recorded
    this.#log = log
    this.#polling = polling
  }

  /** For good. `tables`: those that will be read; the first call decides. */
  async make(tables: readonly TableRequest[], signal: AbortSignal): Promise<ChosenReading> {
    const chosen = this.#chosen ?? this.preview(tables, signal)
    this.#chosen = chosen
    try {
      return await chosen
    } catch (error) {
      if (this.#chosen === chosen) this.#chosen = undefined
      throw error
    }
  }

  /** As far as can be told now. */
  async preview(tables: readonly TableRequest[], signal: AbortSignal): Promise<ChosenReading> {
    if (this.#chosen !== undefined) return await this.#chosen
    if (this.#mode !== 'auto') return { reading: this.#of(this.#mode), why: undefined }
    if (this.#recorded !== undefined) return { reading: this.#of(readingMode(this.#recorded)), why: undefined }
    const obstacle = await this.#obstacle(tables, await this.#log.examine(tables, signal), signal)
    if (obstacle === undefined)
      return { reading: this.#log, why: 'Changes are read from the log: nothing is in the way (mode auto)' }
    const why = `The source is polled, since its log cannot be read (mode auto): ${describe(obstacle)}`
    return { reading: this.#polling, why }
  }

  /** What `doctor` shows: which way and why, then the findings of that way. */
  async examine(tables: readonly TableRequest[], signal: AbortSignal): Promise<readonly Finding[]> {
    if (this.#mode !== 'auto') {
      const configured = { subject: 'mode', level: 'ok', message: `${this.#mode}, as configured` } satisfies Finding
      return withMode(configured, await this.#of(this.#mode).examine(tables, signal))
    }
    const log = await this.#log.examine(tables, signal)
    const obstacle = await this.#obstacle(tables, log, signal)
    const mode = this.#recorded === undefined ? undefined : readingMode(this.#recorded)
    if (mode === 'cdc' || (mode === undefined && obstacle === undefined))
      return withMode({ subject: 'mode', level: 'ok', message: 'cdc: changes are read from the log' }, log)
    const polled = await this.#polling.examine(tables, signal)
    if (obstacle !== undefined) {
      const message = `polling, since the log cannot be read: ${describe(obstacle)}`
      const fix = obstacle.fix === undefined ? {} : { fix: obstacle.fix }
      return withMode({ subject: 'mode', level: 'note', message, ...fix }, polled)
    }
    const message = 'polling, as at the first run; changes could be read from the log now'
    return withMode(
      { subject: 'mode', level: 'note', message, fix: 'Set mode: cdc; all tables are then read again' },
      polled,
    )
  }

  /** The first error that is in the way of the log alone; what both ways suffer from decides nothing. */
  async #obstacle(
    tables: readonly TableRequest[],
    log: readonly Finding[],
    signal: AbortSignal,
  ): Promise<Finding | undefined> {
    const errors = log.filter((finding) => finding.level === 'error')
    if (errors.length === 0) return undefined
    const polled = await this.#polling.examine(tables, signal)
    const shared = new Set(polled.filter(({ level }) => level === 'error').map(describe))
    // Nobody can tell while the server does not answer.
    if (polled.some(({ subject, level }) => subject === 'connection' && level === 'error')) return undefined
    return errors.find((finding) => !shared.has(describe(finding)))
  }

  #of(mode: ReadingMode): Reading {
    return mode === 'cdc' ? this.#log : this.#polling
  }
}

function describe({ subject, message }: Finding): string {
  return `${subject}: ${message}`
}

/** Behind the connection, as people expect it first. */
function withMode(mode: Finding, findings: readonly Finding[]): readonly Finding[] {
  const [first, ...rest] = findings
  if (first?.subject !== 'connection') return [mode, ...findings]
  return first.level === 'error' ? findings : [first, mode, ...rest]
}
