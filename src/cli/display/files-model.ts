/** What is known of a run over files while it goes on. */
import type { Verdict } from '../../core/file-check.ts'
import type { FileProgressEvent } from '../../core/file-commands.ts'
import { bytes } from '../../core/quantity.ts'
import { RateMeter } from './rate-meter.ts'

export interface ShownFile {
  readonly name: string
  readonly size: number
  state: 'waiting' | 'active' | Verdict
  activity: string
  /** Of all readings so far, and of all that are to come. */
  bytes: number
  bytesTotal: number
  records: number
}

export class FilesModel {
  readonly startedMs: number
  /** `Checking`, `Loading`. */
  readonly doing: string
  readonly files = new Map<string, ShownFile>()
  readonly rate = new RateMeter()

  /** The last of what was to be told besides. */
  notice: string | undefined

  constructor(startedMs: number, doing: string) {
    this.startedMs = startedMs
    this.doing = doing
  }

  apply(event: FileProgressEvent): void {
    switch (event.event) {
      case 'files':
        for (const { file, bytes, bytesTotal = bytes } of event.files) {
          const shown = { name: file, size: bytes, activity: '', bytes: 0, bytesTotal, records: 0 }
          this.files.set(file, { ...shown, state: 'waiting' })
        }
        return
      case 'file': {
        const file = this.files.get(event.file)
        if (file === undefined) return
        if (file.state === 'waiting') file.state = 'active'
        this.rate.add(Math.max(0, event.bytes - file.bytes), event.atMs)
        Object.assign(file, { activity: event.activity, bytes: event.bytes, bytesTotal: event.bytesTotal })
        return
      }
      case 'checked': {
        const file = this.files.get(event.result.file)
        if (file === undefined) return
        file.state = event.result.verdict
        file.records = event.result.coverage.records
        // Readings that were not needed.
        file.bytes = file.bytesTotal
        return
      }
      case 'loaded': {
        const { file: name, outcome, rows } = event.result
        const file = this.files.get(name)
        if (file === undefined) return
        file.state = outcome === 'loaded' ? 'pass' : 'fail'
        Object.assign(file, { records: rows, activity: outcome, bytes: file.bytesTotal })
        return
      }
      case 'notice':
        this.notice = event.message
    }
  }

  /** `1.2 GB, 2.3 GB to read`: some files are read more than once. */
  get sizes(): string {
    const size = [...this.files.values()].reduce((sum, file) => sum + file.size, 0)
    const total = this.bytesTotal
    return `${bytes(size)}${total > size ? `, ${bytes(total)} to read` : ''}`
  }

  /** Files that are read or done, from 1. */
  get part(): number {
    return [...this.files.values()].filter(({ state }) => state !== 'waiting').length
  }

  get isDone(): boolean {
    return [...this.files.values()].every(({ state }) => state !== 'waiting' && state !== 'active')
  }

  get bytes(): number {
    return [...this.files.values()].reduce((sum, file) => sum + file.bytes, 0)
  }

  get bytesTotal(): number {
    return [...this.files.values()].reduce((sum, file) => sum + file.bytesTotal, 0)
  }

  /** Bytes. What is loaded comes in parts of hundreds of megabytes: only their average tells anything. */
  perSecond(nowMs: number): number {
    if (this.doing !== 'Loading') return this.rate.perSecond(nowMs)
    return this.isDone ? 0 : (this.bytes * 1000) / Math.max(1000, nowMs - this.startedMs)
  }

  /** Milliseconds; undefined while nothing flows. */
  remainingMs(nowMs: number): number | undefined {
    const perSecond = this.perSecond(nowMs)
    const left = this.bytesTotal - this.bytes
    return perSecond > 0 && left > 0 ? (left / perSecond) * 1000 : undefined
  }
}
