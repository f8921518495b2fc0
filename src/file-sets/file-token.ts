/**
 * What is remembered of a file set between runs: the files that are loaded, and how far the one in progress is. Recorded
 * together with the boundary that covers the rows, so that it says neither more nor less than what is staged.
 */
import { PipelineError } from '../core/errors.ts'
import { shellWord } from '../core/shell-word.ts'
import { periodOfName } from './file-pattern.ts'

/** Of every source of files: positions of two machines, or of two folders, would compare if the systems were the same. */
export const FILES_IDENTITY = { system: 'files', timeline: 0, slot: '', mode: 'polling' as const }

export interface KnownFile {
  /** Relative to the configuration, as it is called everywhere. */
  readonly name: string
  readonly bytes: number
  readonly modifiedMs: number
  /** `sha256:` and hex; absent where none was asked for. */
  readonly checksum?: string | undefined
  /** Name of the period that it stands for. */
  readonly period?: string | undefined
}

export interface LoadedFile extends KnownFile {
  readonly rows: number
  /** Rows with something in quarantine, those that are there whole included. */
  readonly quarantined: number
  /** The boundaries before its first row and behind its last one. */
  readonly first: string
  readonly position: string
  /** Staged; milliseconds since 1970. */
  readonly atMs: number
  /** Its period was removed later. */
  readonly removed?: true
}

export interface FileInProgress extends KnownFile {
  /** Of the next range's first byte, after decompression. */
  readonly offset: number
  /** The boundary before its first row. */
  readonly first: string
  /** Number of the next range. */
  readonly range: number
  readonly rows: number
  readonly quarantined: number
}

export interface RemovedPeriod {
  /** Of the request: it is done once. */
  readonly id: string
  readonly period: string
  readonly position: string
  readonly atMs: number
}

export interface FileToken {
  /** The highest id that a column of the table ever had. */
  readonly lastColumnId: number
  readonly loaded: readonly LoadedFile[]
  readonly current: FileInProgress | undefined
  readonly removals: readonly RemovedPeriod[]
}

/** A token holds some MiB; of removals the latest suffice, as a request is asked for once. */
const REMOVALS_MAX = 200

export function emptyToken(lastColumnId: number): FileToken {
  return { lastColumnId, loaded: [], current: undefined, removals: [] }
}

export function tokenText({ lastColumnId, loaded, current, removals }: FileToken): string {
  return JSON.stringify({ v: 1, lastColumnId, loaded, current, removals: removals.slice(-REMOVALS_MAX) })
}

/** `table`: for the error. */
export function parseFileToken(text: string, table: string): FileToken {
  const json = JSON.parse(text) as FileToken & { readonly v: number }
  if (json.v !== 1) {
    throw new PipelineError('state_version', `Going on with ${table}`, {
      cause: new Error(`what is remembered of it has format ${json.v}; this version knows 1`),
      hint: 'Use the newer version of SimplyLoad that wrote it',
      context: { table },
    })
  }
  const { lastColumnId, loaded, current, removals } = json
  return { lastColumnId, loaded, current, removals }
}

/** Neither the state nor the destination knows which files are loaded: one that is loaded again might be in the table twice. */
export function lostTokenHint(table: string): string {
  return (
    'Its rows stay as they are, and no file is loaded until the state is back from a backup. Without one, ' +
    `simplyload table resync ${shellWord(table)} marks all rows as deleted, and files load loads the files that are there`
  )
}

/** Undefined where it is not loaded. */
export function loadedFile(token: FileToken, name: string): LoadedFile | undefined {
  return token.loaded.find((file) => file.name === name)
}

/** The file is loaded whole; what was known of it before is forgotten. */
export function withLoaded(token: FileToken, file: LoadedFile): FileToken {
  const others = token.loaded.filter(({ name }) => name !== file.name)
  return { ...token, loaded: [...others, file], current: undefined }
}

/** Rows of the period are gone, and with them those of the files that stand for it. */
export function withRemoval(token: FileToken, removal: RemovedPeriod): FileToken {
  const loaded = token.loaded.map((file): LoadedFile => (isWithin(file, removal) ? { ...file, removed: true } : file))
  const current = token.current !== undefined && isWithin(token.current, removal) ? undefined : token.current
  return { ...token, loaded, current, removals: [...token.removals, removal] }
}

/** All of its period: months of a year that goes. */
function isWithin({ period }: KnownFile, removal: RemovedPeriod): boolean {
  const gone = periodOfName(removal.period)
  const own = period === undefined ? undefined : periodOfName(period)
  if (own === undefined || typeof own === 'string' || typeof gone === 'string') return false
  return own.from >= gone.from && own.through <= gone.through
}

/**
 * What has changed about a file since it was known, as part of a sentence; undefined: nothing. A time alone says nothing
 * where the checksums of both are known and equal.
 */
export function difference(known: KnownFile, now: KnownFile): string | undefined {
  if (known.bytes !== now.bytes) return `it had ${known.bytes} bytes and has ${now.bytes}`
  const bothSummed = known.checksum !== undefined && now.checksum !== undefined
  if (bothSummed) return known.checksum === now.checksum ? undefined : 'its checksum is another one'
  if (known.modifiedMs === now.modifiedMs) return undefined
  return `it was written again at ${new Date(now.modifiedMs).toISOString()}`
}
