/**
 * A destination before which rows are transformed: it hands on what it is asked, with transformed schemas and files in
 * place of those of the source.
 *
 * So there is one place for snapshot, stream, backfill and verification, and what rests in the stage is what the source
 * sent: rows that a transform fails on wait there and are tried again once it is mended.
 */
import type {
  BackfillEnd,
  CompareRequest,
  ComparingDestination,
  Destination,
  Flush,
  FlushResult,
  KeptToken,
  KeyCompareRequest,
  KeyComparingDestination,
  Lease,
  MissingBaseRows,
  QuarantineEntry,
  SnapshotLoad,
  SnapshotLoaded,
  SourceCheckpoints,
  TableComparison,
  TableFlush,
  TargetTable,
} from '../core/destination.ts'
import type { Finding } from '../core/finding.ts'
import type { Position } from '../core/position.ts'
import type { KeyDifference } from '../core/source.ts'
import type { StageFile } from '../core/stage.ts'
import { keyColumns, qualifiedTableName, type TableId, type TableSchema } from '../core/table-schema.ts'
import { isTransformed, TransformWorkshop, type WorkshopOptions } from './transform-workshop.ts'

/** Transformed copies of a snapshot that are on disk at once. */
const LOAD_BYTES_MAX = 256 * 2 ** 20

interface Asked {
  readonly from: Position
  readonly keys: ReadonlySet<string>
}

export type TransformingOptions = WorkshopOptions

/** `open`: makes the destination, which fetches its files through the given function. */
export function transformingDestination<
  Inner extends Destination & ComparingDestination & KeyComparingDestination & Querying,
>(options: TransformingOptions, open: (fetch: TransformWorkshop['fetch']) => Inner): TransformingDestination<Inner> {
  const workshop = new TransformWorkshop(options)
  const inner = open((files, signal) => workshop.fetch(files, signal))
  return new TransformingDestination(inner, workshop)
}

interface Querying {
  query(sql: string, signal: AbortSignal): Promise<unknown>
}

export class TransformingDestination<
  Inner extends Destination & ComparingDestination & KeyComparingDestination & Querying,
> implements Destination, ComparingDestination, KeyComparingDestination
{
  readonly name: string
  readonly inner: Inner
  readonly #workshop: TransformWorkshop
  /** Rows that were asked for and not merged yet, by table. */
  readonly #asked = new Map<string, Asked>()

  constructor(inner: Inner, workshop: TransformWorkshop) {
    this.inner = inner
    this.#workshop = workshop
    this.name = inner.name
  }

  /** The schema that the final table of a table with this schema has. Throws `transform_failed` where there can be none. */
  targetSchema(target: TargetTable, schema: TableSchema, signal: AbortSignal): Promise<TableSchema> {
    return this.#workshop.schema(target, schema, signal)
  }

  examine(targets: readonly TargetTable[], signal: AbortSignal): Promise<readonly Finding[]> {
    return this.inner.examine(targets, signal)
  }

  acquireLease(
    source: string,
    signal: AbortSignal,
  ): Promise<{ readonly lease: Lease; readonly checkpoints: SourceCheckpoints }> {
    return this.inner.acquireLease(source, signal)
  }

  checkpoints(source: string, signal: AbortSignal): Promise<SourceCheckpoints | undefined> {
    return this.inner.checkpoints(source, signal)
  }

  tokens(source: string, signal: AbortSignal): Promise<readonly KeptToken[]> {
    return this.inner.tokens(source, signal)
  }

  async beginSnapshot(
    lease: Lease,
    target: TargetTable,
    schema: TableSchema,
    keep: boolean,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    return this.inner.beginSnapshot(lease, target, await this.#workshop.schema(target, schema, signal), keep, signal)
  }

  async loadSnapshot(lease: Lease, load: SnapshotLoad, signal: AbortSignal): Promise<SnapshotLoaded> {
    const { target, files } = load
    if (!isTransformed(target)) return this.inner.loadSnapshot(lease, load, signal)
    let [rows, quarantined] = [0, 0]
    for (const part of inParts(files)) {
      const made = await this.#workshop.transform(target, part, [], signal)
      try {
        const loaded = await this.inner.loadSnapshot(lease, { ...load, files: made }, signal)
        rows += loaded.rows
        quarantined += loaded.quarantined
      } finally {
        await this.#workshop.discard(made)
      }
    }
    return { rows, quarantined }
  }

  async finishSnapshot(
    lease: Lease,
    target: TargetTable,
    schema: TableSchema,
    position: Position,
    positions: number,
    signal: AbortSignal,
  ): Promise<void> {
    const made = await this.#workshop.schema(target, schema, signal)
    return this.inner.finishSnapshot(lease, target, made, position, positions, signal)
  }

  async finishBackfill(lease: Lease, end: BackfillEnd, signal: AbortSignal): Promise<number | undefined> {
    if (!isTransformed(end.target)) return this.inner.finishBackfill(lease, end, signal)
    const schema = await this.#workshop.schema(end.target, end.schema, signal)
    // A range of a column that the transform computes anew says nothing about rows at the destination.
    const isKey = keyColumns(schema).some((column) => column.id === end.range?.columnId)
    const deleteMissing = end.deleteMissing && (end.range === undefined || isKey)
    return this.inner.finishBackfill(lease, { ...end, schema, deleteMissing }, signal)
  }

  async flush(flush: Flush, signal: AbortSignal): Promise<FlushResult> {
    if (!flush.tables.some((part) => isTransformed(part.target))) return this.inner.flush(flush, signal)
    const missing = await this.#missingBefore(flush, signal)
    if (missing.length > 0) return { outcome: 'incomplete', missing }
    const made: StageFile[] = []
    try {
      const parts: TableFlush[] = []
      for (const part of flush.tables) parts.push(await this.#transformPart(part, made, signal))
      const result = await this.#flushParts(flush, parts, made, signal)
      if (result.outcome === 'committed') for (const { target } of flush.tables) this.#asked.delete(nameOf(target))
      return result
    } finally {
      await this.#workshop.discard(made)
    }
  }

  detach(lease: Lease, table: TableId, signal: AbortSignal): Promise<void> {
    return this.inner.detach(lease, table, signal)
  }

  resetCheckpoint(lease: Lease, table: TableId | undefined, signal: AbortSignal): Promise<void> {
    return this.inner.resetCheckpoint(lease, table, signal)
  }

  quarantine(
    source: string,
    filter: { readonly table?: TableId; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly QuarantineEntry[]> {
    return this.inner.quarantine(source, filter, signal)
  }

  async compare(request: CompareRequest, signal: AbortSignal): Promise<TableComparison> {
    const { target } = request
    if (!isTransformed(target)) return this.inner.compare(request, signal)
    const schema = await this.#workshop.schema(target, request.schema, signal)
    const made = await this.#workshop.transform(target, request.files, [], signal)
    try {
      return await this.inner.compare({ ...request, schema, files: made }, signal)
    } finally {
      await this.#workshop.discard(made)
    }
  }

  /** Keys are as the source has them. A row that is missing may be one that the transform drops, so none is named. */
  async *compareKeys(request: KeyCompareRequest, signal: AbortSignal): AsyncGenerator<KeyDifference, void, undefined> {
    const { target } = request
    if (!isTransformed(target)) return yield* this.inner.compareKeys(request, signal)
    const schema = await this.#workshop.schema(target, request.schema, signal)
    for await (const { extra } of this.inner.compareKeys({ ...request, schema }, signal)) yield { extra, missing: [] }
  }

  /** SQL of a person, on what is there. */
  query(sql: string, signal: AbortSignal): ReturnType<Inner['query']> {
    return this.inner.query(sql, signal) as ReturnType<Inner['query']>
  }

  release(): Promise<void> {
    return this.inner.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.inner[Symbol.asyncDispose]()
    await this.#workshop[Symbol.asyncDispose]()
  }

  /** Rows that transforms need before anything can be merged, where they were not handed in. */
  async #missingBefore(flush: Flush, signal: AbortSignal): Promise<readonly MissingBaseRows[]> {
    const missing: MissingBaseRows[] = []
    for (const { target, files, from, completion } of flush.tables) {
      if (!isTransformed(target) || completion !== undefined) continue
      const keys = await this.#workshop.keysToComplete(target, files, signal)
      if (keys.length > 0) missing.push(this.#ask(target, from, keys))
    }
    return missing
  }

  /** Remembers what is asked for: the answer holds whatever was asked before, too. */
  #ask(target: TargetTable, from: Position, keys: readonly string[]): MissingBaseRows {
    const before = this.#asked.get(nameOf(target))
    const all = new Set([...(before?.from === from ? before.keys : []), ...keys])
    this.#asked.set(nameOf(target), { from, keys: all })
    return { table: target.table, keys: [...all] }
  }

  async #transformPart(part: TableFlush, made: StageFile[], signal: AbortSignal): Promise<TableFlush> {
    const { target, schema, files, completion } = part
    if (!isTransformed(target)) return part
    const rows = files.filter((file) => file.features.removal === undefined)
    const transformed = await this.#workshop.transform(target, rows, completion?.files ?? [], signal)
    made.push(...transformed)
    const { completion: _, ...rest } = part
    const targetSchema = await this.#workshop.schema(target, schema, signal)
    // Days are what they are. They come after the rows wherever they stand.
    const days = files.flatMap((file) => (rows.includes(file) ? [] : [{ ...file, schema: targetSchema }]))
    return { ...rest, schema: targetSchema, files: [...transformed, ...days] }
  }

  /**
   * Rows that a transform needed were handed in, but of rows that are missing at the destination itself nothing is known
   * until it has looked: then it is asked again, with the rows where they are there already.
   */
  async #flushParts(
    flush: Flush,
    parts: readonly TableFlush[],
    made: StageFile[],
    signal: AbortSignal,
  ): Promise<FlushResult> {
    const result = await this.inner.flush({ ...flush, tables: parts }, signal)
    if (result.outcome === 'committed') return result
    const open: MissingBaseRows[] = []
    const answered = new Map<string, TableFlush>()
    for (const { table, keys } of result.missing) {
      const part = flush.tables.find((each) => qualifiedTableName(each.target.table) === qualifiedTableName(table))
      if (part === undefined || !isTransformed(part.target)) {
        open.push({ table, keys })
        continue
      }
      const asked = this.#asked.get(nameOf(part.target))
      const isAnswered =
        part.completion !== undefined && asked?.from === part.from && keys.every((key) => asked.keys.has(key))
      if (isAnswered) answered.set(nameOf(part.target), part)
      else open.push(this.#ask(part.target, part.from, keys))
    }
    if (open.length > 0) return { outcome: 'incomplete', missing: open }
    const completed: TableFlush[] = []
    for (const part of parts) {
      const { target, completion } = answered.get(nameOf(part.target)) ?? part
      if (!isTransformed(target) || completion === undefined) {
        completed.push(part)
        continue
      }
      const files = await this.#workshop.transform(target, completion.files, [], signal)
      made.push(...files)
      completed.push({ ...part, completion: { files } })
    }
    return this.inner.flush({ ...flush, tables: completed }, signal)
  }
}

function nameOf({ table }: TargetTable): string {
  return qualifiedTableName(table)
}

function inParts(files: readonly StageFile[]): readonly (readonly StageFile[])[] {
  const parts: StageFile[][] = [[]]
  let bytes = 0
  for (const file of files) {
    if (bytes > 0 && bytes + file.bytes > LOAD_BYTES_MAX) {
      parts.push([])
      bytes = 0
    }
    parts.at(-1)?.push(file)
    bytes += file.bytes
  }
  return parts
}
