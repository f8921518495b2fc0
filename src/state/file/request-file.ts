/**
 * What people ask of a sync, as a file of its own: commands write it beside a sync that runs. Whoever writes has the lock
 * of the file meanwhile, without giving anyone else in this process a turn, and replaces the file whole.
 */
import { type BigIntStats, readFileSync, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { type ControlAnswer, type ControlRecord, type ControlRequest, isOpen } from '../../core/control-request.ts'
import { PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import { tryLock } from '../process-lock.ts'
import { replaceFileSync } from './durable-file.ts'
import { damaged, errnoOf, newerFormat } from './errors.ts'
import { checksum } from './journal-line.ts'

const FORMAT = 1
/** Of each source, beside the open ones. */
const FINISHED_KEPT = 500
/** Others have the lock for the length of one write. */
const LOCK_WAIT_MS = 5_000
const LOOK_EVERY_MS = 500

interface Content {
  readonly format: number
  /** Of the records as JSON without spaces. */
  readonly checksum: string
  /** In the order in which they were asked. */
  readonly records: readonly ControlRecord[]
}

export class RequestFile {
  readonly #path: string
  readonly #lockPath: string

  /** `folder` is there. */
  constructor(folder: string) {
    this.#path = join(folder, 'requests.json')
    this.#lockPath = join(folder, 'requests.lock')
  }

  ask(request: ControlRequest): void {
    this.#change((records) => {
      const known = records.find((record) => record.request.id === request.id)
      invariant(known === undefined || isDeepStrictEqual(known.request, request), 'one id is one request')
      return known === undefined ? [...records, { request }] : undefined
    })
  }

  find(id: string): ControlRecord | undefined {
    return this.#read().find((record) => record.request.id === id)
  }

  open(source: string): readonly ControlRecord[] {
    return this.#read().filter((record) => record.request.table.source === source && isOpen(record))
  }

  answer(id: string, answer: ControlAnswer): void {
    this.#change((records) => {
      const asked = records.find((record) => record.request.id === id)
      invariant(asked !== undefined, 'what is answered was asked')
      return bounded(
        records.map((record) => (record === asked ? { request: record.request, answer } : record)),
        asked.request.table.source,
      )
    })
  }

  /** Calls `notify` when the file has become another one. Looking costs one question to the file system. */
  watch(notify: () => void): Disposable {
    const before = statSync(this.#path, { bigint: true, throwIfNoEntry: false })
    let seen = before === undefined ? '' : appearance(before)
    let isEnded = false
    const look = async (): Promise<void> => {
      // Whoever reads or writes a file that cannot be examined is told what is wrong; here it only looks different.
      const found = await stat(this.#path, { bigint: true }).then(appearance, () => '')
      if (isEnded || found === seen) return
      seen = found
      notify()
    }
    const timer = setInterval(() => void look(), LOOK_EVERY_MS)
    timer.unref()
    return {
      [Symbol.dispose]: () => {
        isEnded = true
        clearInterval(timer)
      },
    }
  }

  /** `change` returns what becomes of the records; undefined: nothing. */
  #change(change: (records: readonly ControlRecord[]) => readonly ControlRecord[] | undefined): void {
    using lock = tryLock(this.#lockPath, LOCK_WAIT_MS)
    if (lock === undefined) {
      throw new PipelineError('state_unreachable', `Locking ${this.#path}`, {
        cause: new Error('another program keeps it locked'),
        hint: `End what holds ${this.#lockPath}`,
        context: { path: this.#path },
      })
    }
    const records = change(this.#read())
    if (records === undefined) return
    const content: Content = { format: FORMAT, checksum: checksumOf(records), records }
    replaceFileSync(this.#path, `${JSON.stringify(content, null, 1)}\n`)
  }

  #read(): readonly ControlRecord[] {
    let text: string
    try {
      text = readFileSync(this.#path, 'utf8')
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return []
      throw error
    }
    const content = parsed(text)
    if (content !== undefined && content.format !== FORMAT) throw newerFormat(this.#path, content.format, FORMAT)
    if (content === undefined || content.checksum !== checksumOf(content.records)) {
      throw damaged(
        this.#path,
        'it is not what was written',
        `Move ${this.#path} away, and ask again what was not done yet`,
      )
    }
    return content.records
  }
}

function appearance({ ino, mtimeNs, size }: BigIntStats): string {
  return `${ino} ${mtimeNs} ${size}`
}

function parsed(text: string): Content | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isOurs = typeof value === 'object' && value !== null && 'format' in value && 'records' in value
    return isOurs ? (value as Content) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function checksumOf(records: readonly ControlRecord[]): string {
  return checksum(Buffer.from(JSON.stringify(records)))
}

/** Without the oldest finished ones of a source. */
function bounded(records: readonly ControlRecord[], source: string): readonly ControlRecord[] {
  const isFinished = (record: ControlRecord) => record.request.table.source === source && !isOpen(record)
  let surplus = records.filter(isFinished).length - FINISHED_KEPT
  return surplus <= 0 ? records : records.filter((record) => !isFinished(record) || surplus-- <= 0)
}
