/**
 * Transforms stage files into a folder of its own, and remembers where they are until they are loaded.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TargetTable } from '../core/destination.ts'
import { PipelineError } from '../core/errors.ts'
import { invariant } from '../core/invariant.ts'
import type { LocalFiles, Stage, StageFile } from '../core/stage.ts'
import { type TableSchema, tableName } from '../core/table-schema.ts'
import type { TableTransform } from '../core/transform.ts'
import type { ValueLimits } from '../core/value-limits.ts'
import type { CompiledTransform } from './compiled-transform.ts'
import type { TransformDialect } from './duckdb-column.ts'
import { compileModule } from './module-transform.ts'
import { compileSql } from './sql-transform.ts'
import { isFailureOfMachine } from './transform-error.ts'
import { keysToComplete, type LocalFile, transformFile } from './transform-file.ts'
import { TransformDatabase, type TransformSession } from './transform-session.ts'

export interface WorkshopOptions {
  readonly fetch: Stage['fetch']
  readonly dialect: TransformDialect
  readonly memoryBytes: number
  /** What the destination holds of values; undefined: everything that a column has a type for. */
  readonly limits?: ValueLimits | undefined
}

/** A table whose rows are transformed. */
export type TransformedTarget = TargetTable & { readonly transform: TableTransform }

export function isTransformed(target: TargetTable): target is TransformedTarget {
  return target.transform !== undefined
}

const PATH = 'transformed/'

export class TransformWorkshop {
  readonly #options: WorkshopOptions
  /** Path as a destination asks for it → where it is. */
  readonly #made = new Map<string, string>()
  readonly #compiled = new Map<string, Promise<CompiledTransform>>()
  #opened: Promise<{ readonly folder: string; readonly database: TransformDatabase }> | undefined
  #count = 0

  constructor(options: WorkshopOptions) {
    this.#options = options
  }

  /** The schema of what comes out of the table's transform. Throws `transform_failed` where there can be none. */
  async schema(target: TargetTable, source: TableSchema, signal: AbortSignal): Promise<TableSchema> {
    if (!isTransformed(target)) return source
    const { schema } = await this.#compile(target, source, signal)
    return { ...schema, version: source.version }
  }

  /** Keys of rows that must be read from the source before the files can be transformed. */
  keysToComplete(
    target: TransformedTarget,
    files: readonly StageFile[],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const partial = files.filter((file) => file.features.partialRows > 0)
    if (partial.length === 0) return Promise.resolve([])
    return this.#work(target, partial, signal, async (session, local) => {
      const keys = new Set<string>()
      for (const input of local) {
        const compiled = await this.#compile(target, input.file.schema, signal)
        for (const key of await keysToComplete(session, input, compiled, this.#options.dialect)) keys.add(key)
      }
      return [...keys]
    })
  }

  /** In the order given. They are there until `discard`. */
  async transform(
    target: TransformedTarget,
    files: readonly StageFile[],
    completion: readonly StageFile[],
    signal: AbortSignal,
  ): Promise<readonly StageFile[]> {
    if (files.length === 0) return []
    const { folder } = await this.#open()
    const made: StageFile[] = []
    try {
      return await this.#work(target, [...files, ...completion], signal, async (session, local) => {
        const whole = local.slice(files.length)
        for (const input of local.slice(0, files.length)) {
          const compiled = await this.#compile(target, input.file.schema, signal)
          const name = `${this.#count++}.parquet`
          const output = { path: `${PATH}${name}`, location: join(folder, name) }
          this.#made.set(output.path, output.location)
          const { dialect, limits } = this.#options
          made.push(
            await transformFile(session, { input, target, compiled, completion: whole, output, dialect, limits }),
          )
        }
        return made
      })
    } catch (error) {
      await this.discard(made)
      throw error
    }
  }

  async discard(files: readonly StageFile[]): Promise<void> {
    for (const { path } of files) {
      const location = this.#made.get(path)
      this.#made.delete(path)
      if (location !== undefined) await rm(location, { force: true })
    }
  }

  /** What a destination reads: transformed files from here, others from the stage. */
  async fetch(files: readonly StageFile[], signal: AbortSignal): Promise<LocalFiles> {
    const staged = files.filter((file) => !this.#made.has(file.path))
    const local = await this.#options.fetch(staged, signal)
    return {
      location: (path) => this.#made.get(path) ?? local.location(path),
      loaded: () => local.loaded(),
      [Symbol.asyncDispose]: () => local[Symbol.asyncDispose](),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined)
    this.#opened = undefined
    if (opened === undefined) return
    await opened.database.close()
    await rm(opened.folder, { recursive: true, force: true })
  }

  #compile(target: TransformedTarget, source: TableSchema, signal: AbortSignal): Promise<CompiledTransform> {
    const { columns, identity } = source
    const key = JSON.stringify([tableName(source.table), source.table.source, columns, identity, target.transform])
    const known = this.#compiled.get(key)
    if (known !== undefined) return known
    const compiled = this.#compileAnew(target, source, signal)
    this.#compiled.set(key, compiled)
    // Asked again, it may have been mended.
    compiled.catch(() => this.#compiled.delete(key))
    return compiled
  }

  async #compileAnew(
    { transform }: TransformedTarget,
    source: TableSchema,
    signal: AbortSignal,
  ): Promise<CompiledTransform> {
    const { form } = transform
    const { typeName } = this.#options.dialect
    if (form.kind === 'module') return await compileModule(source, transform, form, typeName)
    const { database } = await this.#open()
    using session = await database.session(signal)
    return await compileSql(session, source, transform, form.sql, typeName)
  }

  async #work<T>(
    target: TransformedTarget,
    files: readonly StageFile[],
    signal: AbortSignal,
    work: (session: TransformSession, local: readonly LocalFile[]) => Promise<T>,
  ): Promise<T> {
    const { database } = await this.#open()
    await using fetched = await this.#options.fetch(files, signal)
    using session = await database.session(signal)
    try {
      return await work(
        session,
        files.map((file) => ({ file, location: fetched.location(file.path) })),
      )
    } catch (error) {
      if (error instanceof PipelineError || session.isStop(error)) throw error
      const table = tableName(target.table)
      const code = isFailureOfMachine(error) ? 'destination_memory' : 'internal'
      throw new PipelineError(code, `Transforming ${table}`, {
        cause: error,
        hint: 'Transforms get a quarter of sync.memory, and work on disk beyond it: give more of either',
        context: { table },
      })
    }
  }

  #open(): Promise<{ readonly folder: string; readonly database: TransformDatabase }> {
    this.#opened ??= mkdtemp(join(tmpdir(), 'simplyload-transform-')).then((folder) => {
      const { memoryBytes } = this.#options
      invariant(memoryBytes > 0, 'transforms have memory')
      return { folder, database: new TransformDatabase({ memoryBytes, folder }) }
    })
    return this.#opened
  }
}
