/**
 * The ledger of a source as a shared stage carries it: pages beside the files, from which another machine can go on.
 *
 * `<customer>/<source>/_ledger/<volume>-e<epoch>/<number>-<full|more>.json.gz`. Each run writes a volume of its own. Its first page is
 * full: everything that a run must know of the source. Each one after it has what was recorded since. A full page comes
 * again when the pages since the last one have grown to its size.
 */
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { PipelineError } from '../core/errors.ts'
import type { Position } from '../core/position.ts'
import type { SourceIdentity, StreamToken } from '../core/source.ts'
import type { StageFile } from '../core/stage.ts'
import { encodePathPart } from '../core/stage-path.ts'
import type { TableRecord } from '../core/state.ts'
import type { TableId, TableSchema } from '../core/table-schema.ts'

const FORMAT = 1

export interface LedgerPage {
  readonly generation: number
  readonly identity: SourceIdentity
  /** Changes before it are merged or in files that this page or one before it names. */
  readonly stagedThroughLsn: bigint
  /** Files of changes before it may be missing, of each table as far as it had come (`mergedThrough`). */
  readonly completeFrom: Position | undefined
  /** What follows applies in this order. Tables that are not there any more. */
  readonly removed: readonly TableId[]
  /** On a full page all, else those that changed. */
  readonly tables: readonly TableRecord[]
  /** Tables whose waiting files and token were dropped: they are read again. */
  readonly discarded: readonly TableId[]
  readonly tokens: readonly StreamToken[]
  /** On a full page all that wait to be merged, else those recorded since the page before; in their order. */
  readonly files: readonly StageFile[]
}

export interface PageName {
  /** Rises with each run, whatever becomes of the destination and its epochs. */
  readonly volume: number
  readonly epoch: number
  readonly number: number
  readonly isFull: boolean
}

export function ledgerFolder(customer: string, source: string): string {
  return `${encodePathPart(customer)}/${encodePathPart(source)}/_ledger`
}

export function pagePath(folder: string, { volume, epoch, number, isFull }: PageName): string {
  const digits = (value: number, count: number) => value.toString().padStart(count, '0')
  return `${folder}/${digits(volume, 8)}-e${digits(epoch, 8)}/${digits(number, 9)}-${isFull ? 'full' : 'more'}.json.gz`
}

/** Undefined for a path that is no page. */
export function parsePagePath(path: string): PageName | undefined {
  const match = /\/_ledger\/(\d{8,})-e(\d{8,})\/(\d{9,})-(full|more)\.json\.gz$/.exec(path)
  if (match === null) return undefined
  const [, volume, epoch, number, kind] = match
  return { volume: Number(volume), epoch: Number(epoch), number: Number(number), isFull: kind === 'full' }
}

/** Negative where `a` was written before `b`. */
export function comparePages(a: PageName, b: PageName): number {
  return a.volume - b.volume || a.epoch - b.epoch || a.number - b.number
}

/** Schemas are large and shared by many files: each is written once, and referred to by its number. */
export async function encodePage(page: LedgerPage): Promise<Uint8Array> {
  const schemas: string[] = []
  const numbers = new Map<string, number>()
  const numberOf = (schema: TableSchema): number => {
    const text = JSON.stringify(schema)
    const known = numbers.get(text)
    if (known !== undefined) return known
    numbers.set(text, schemas.length)
    return schemas.push(text) - 1
  }
  const content = {
    format: FORMAT,
    ...page,
    stagedThroughLsn: page.stagedThroughLsn.toString(16),
    tables: page.tables.map((table) => ({ ...table, schema: numberOf(table.schema) })),
    files: page.files.map((file) => ({ ...file, schema: numberOf(file.schema) })),
  }
  const text = JSON.stringify(content)
  return promisify(gzip)(`${text.slice(0, -1)},"schemas":[${schemas.join(',')}]}`, { level: 1 })
}

/** Throws `state_version` for a page of a newer version, and whatever reading says where it is damaged. */
export async function decodePage(bytes: Uint8Array, path: string): Promise<LedgerPage> {
  const content = JSON.parse((await promisify(gunzip)(bytes)).toString())
  if (content.format !== FORMAT) {
    throw new PipelineError('state_version', `Reading ${path}`, {
      cause: new Error(`it has format ${content.format}; this version knows ${FORMAT}`),
      hint: 'Use the newer version of SimplyLoad that wrote it',
      context: { path, format: String(content.format) },
    })
  }
  const { format: _, schemas, tables, files, stagedThroughLsn, ...rest } = content
  const withSchema = (entry: { readonly schema: number }) => ({ ...entry, schema: schemas[entry.schema] })
  return {
    ...rest,
    stagedThroughLsn: BigInt(`0x${stagedThroughLsn}`),
    // JSON has no `undefined`.
    completeFrom: rest.completeFrom,
    tables: tables.map((table: { readonly schema: number }) => ({ ...UNSET_TABLE_FIELDS, ...withSchema(table) })),
    files: files.map(withSchema),
  }
}

const UNSET_TABLE_FIELDS = {
  snapshotPosition: undefined,
  resumeState: undefined,
  lastError: undefined,
  lastErrorCode: undefined,
  lastSyncMs: undefined,
}
