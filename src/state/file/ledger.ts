/** Stage files in memory: what waits, what is loaded, and the schemas that they were written with. */
import { invariant } from '../../core/invariant.ts'
import type { StageFile } from '../../core/stage.ts'
import type { TableId, TableSchema } from '../../core/table-schema.ts'
import { type StoredFile, type StoredFiles, tableKey } from './step.ts'

interface Entry {
  readonly number: number
  readonly table: string
  file: StageFile
  loadedMs: number | undefined
}

/** Files that a journal written anew has on one line. */
const FILES_PER_STEP = 500

export class Ledger {
  readonly #entries = new Map<string, Entry>()
  /** Of each source, in the order in which they were recorded. */
  readonly #waiting = new Map<string, Map<string, Entry>>()
  /** In the order in which they were loaded. */
  readonly #loaded = new Map<string, Entry>()
  readonly #schemas = new Map<number, TableSchema>()
  readonly #schemaIds = new Map<string, number>()
  #knownSchemas = new WeakMap<TableSchema, number>()
  #numbers = 0
  #schemaNumbers = 0

  /** What `record` takes, as it is written. A batch id belongs to one batch of one table: else one of the two would be lost. */
  store(files: readonly StageFile[]): StoredFiles {
    const fresh = new Map<string, { readonly id: number; readonly schema: TableSchema }>()
    const seen = new Map<string, StageFile>()
    const stored = files.map((file): StoredFile => {
      const before = seen.get(file.batchId) ?? this.#entries.get(file.batchId)?.file
      invariant(before === undefined || isSameBatch(before, file), `batch ${file.batchId} names one batch of one table`)
      seen.set(file.batchId, file)
      return { ...file, schema: this.#schemaId(file.schema, fresh) }
    })
    return { files: stored, schemas: [...fresh.values()] }
  }

  /** A batch that is recorded again is the same batch, perhaps at another place; it is not loaded again. */
  record({ files, schemas }: StoredFiles): void {
    for (const { id, schema } of schemas) this.#addSchema(id, schema)
    for (const { schema: id, loadedMs, ...stored } of files) {
      const schema = this.#schemas.get(id)
      invariant(schema !== undefined, 'a schema is written before the files that have it')
      const file = { ...stored, schema }
      const known = this.#entries.get(file.batchId)
      if (known !== undefined) {
        known.file = file
        continue
      }
      const entry: Entry = { number: this.#numbers++, table: tableKey(schema.table), file, loadedMs }
      this.#entries.set(file.batchId, entry)
      this.#place(entry)
    }
  }

  waiting(source: string, table: TableId | undefined): readonly StageFile[] {
    const key = table === undefined ? undefined : tableKey(table)
    const files: StageFile[] = []
    for (const entry of this.#waitingOf(source).values()) {
      if (key === undefined || entry.table === key) files.push(entry.file)
    }
    return files
  }

  markLoaded(batchIds: readonly string[], loadedMs: number): void {
    for (const id of batchIds) {
      const entry = this.#entries.get(id)
      if (entry !== undefined) this.#move(entry, loadedMs)
    }
  }

  reconcile(table: TableId, checkpoint: string, loadedMs: number): void {
    const key = tableKey(table)
    let isBack = false
    for (const entry of this.#entries.values()) {
      if (entry.table !== key || entry.file.kind !== 'changes') continue
      const isLoaded = entry.file.lastPosition < checkpoint
      if (isLoaded === (entry.loadedMs !== undefined)) continue
      this.#move(entry, isLoaded ? loadedMs : undefined)
      isBack ||= !isLoaded
    }
    if (isBack) this.#sortWaiting(table.source)
  }

  loadedBefore(beforeMs: number, limit: number): readonly StageFile[] {
    const files: StageFile[] = []
    for (const { file, loadedMs } of this.#loaded.values()) {
      if (files.length >= limit) break
      // Clocks jump: a later one may have an earlier time.
      if (loadedMs !== undefined && loadedMs < beforeMs) files.push(file)
    }
    return files
  }

  forget(batchIds: readonly string[]): void {
    for (const id of batchIds) {
      const entry = this.#entries.get(id)
      if (entry === undefined) continue
      this.#entries.delete(id)
      this.#loaded.delete(id)
      this.#waitingOf(entry.file.schema.table.source).delete(id)
    }
  }

  discard(table: TableId): void {
    this.forget(this.waiting(table.source, table).map((file) => file.batchId))
  }

  /** Everything in as few steps as it takes. Schemas that no file has any more are left out, and so must be forgotten here. */
  *steps(): Generator<{ readonly step: 'files' } & StoredFiles> {
    this.#forgetUnusedSchemas()
    const written = new Map<TableSchema, number>()
    let files: StoredFile[] = []
    let schemas: { readonly id: number; readonly schema: TableSchema }[] = []
    for (const { file, loadedMs } of this.#entries.values()) {
      let id = written.get(file.schema)
      if (id === undefined) {
        id = this.#schemaId(file.schema, new Map())
        written.set(file.schema, id)
        schemas.push({ id, schema: file.schema })
      }
      files.push({ ...file, schema: id, ...(loadedMs === undefined ? {} : { loadedMs }) })
      if (files.length < FILES_PER_STEP) continue
      yield { step: 'files', files, schemas }
      files = []
      schemas = []
    }
    if (files.length > 0) yield { step: 'files', files, schemas }
  }

  #place(entry: Entry): void {
    if (entry.loadedMs === undefined) this.#waitingOf(entry.file.schema.table.source).set(entry.file.batchId, entry)
    else this.#loaded.set(entry.file.batchId, entry)
  }

  #move(entry: Entry, loadedMs: number | undefined): void {
    this.#loaded.delete(entry.file.batchId)
    this.#waitingOf(entry.file.schema.table.source).delete(entry.file.batchId)
    entry.loadedMs = loadedMs
    this.#place(entry)
  }

  #waitingOf(source: string): Map<string, Entry> {
    const known = this.#waiting.get(source)
    if (known !== undefined) return known
    const waiting = new Map<string, Entry>()
    this.#waiting.set(source, waiting)
    return waiting
  }

  #sortWaiting(source: string): void {
    const sorted = [...this.#waitingOf(source)].sort(([, a], [, b]) => a.number - b.number)
    this.#waiting.set(source, new Map(sorted))
  }

  #addSchema(id: number, schema: TableSchema): void {
    this.#schemas.set(id, schema)
    this.#schemaIds.set(JSON.stringify(schema), id)
    this.#schemaNumbers = Math.max(this.#schemaNumbers, id + 1)
  }

  #forgetUnusedSchemas(): void {
    const used = new Set<TableSchema>()
    for (const { file } of this.#entries.values()) used.add(file.schema)
    for (const [id, schema] of this.#schemas) {
      if (used.has(schema)) continue
      this.#schemas.delete(id)
      this.#schemaIds.delete(JSON.stringify(schema))
    }
    this.#knownSchemas = new WeakMap()
  }

  /** One that is not known yet is added to `fresh`, and known once its step is applied. */
  #schemaId(schema: TableSchema, fresh: Map<string, { readonly id: number; readonly schema: TableSchema }>): number {
    const cached = this.#knownSchemas.get(schema)
    if (cached !== undefined) return cached
    const document = JSON.stringify(schema)
    const known = this.#schemaIds.get(document)
    if (known !== undefined) {
      this.#knownSchemas.set(schema, known)
      return known
    }
    const added = fresh.get(document) ?? { id: this.#schemaNumbers + fresh.size, schema }
    fresh.set(document, added)
    return added.id
  }
}

function isSameBatch(a: StageFile, b: StageFile): boolean {
  const same = a.rows === b.rows && a.lastPosition === b.lastPosition
  return same && tableKey(a.schema.table) === tableKey(b.schema.table)
}
