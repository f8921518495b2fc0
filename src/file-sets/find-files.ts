/** Finds the files of sets under the configuration's folder, and the one set that each belongs to. */
import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve, sep } from 'node:path'
import { PipelineError } from '../core/errors.ts'
import type { FileCompression, FileIdentity, FilePeriod, FileSet, FoundFile } from '../core/file-set.ts'
import { qualifiedTableName } from '../core/table-schema.ts'
import { compressionOf, fileError, identifyFile, isUnreadable } from './file-fingerprint.ts'
import { type FilePattern, matchPattern, parsePattern, patternProblem } from './file-pattern.ts'

/** Links may lead in circles. */
const DEPTH_MAX = 32

export interface FileSearch {
  readonly sets: readonly FileSet[]
  /** Of the configuration file; absolute. */
  readonly folder: string
  /** Files, folders and patterns, as typed; relative ones start at `pathsFrom`. Undefined: whatever the sets' paths find. */
  readonly paths?: readonly string[] | undefined
  /** Default: the folder of the configuration file. */
  readonly pathsFrom?: string | undefined
  /** Of a folder that was typed, also the files that no set takes. */
  readonly untaken?: boolean | undefined
}

/** A file and all sets that take its name: one, where everything is well. */
export interface MatchedFile {
  /** Absolute. */
  readonly path: string
  /** Relative to the configuration file, with `/`. */
  readonly name: string
  readonly matches: readonly { readonly set: FileSet; readonly period: FilePeriod | undefined }[]
}

interface CompiledSet {
  readonly set: FileSet
  readonly pattern: FilePattern
}

/**
 * Each with its one set, by period and then by name. Throws `source_file` for a file that no set or more than one takes, and for
 * a date in a name that does not exist; `not_found` where there is no file at all. What cannot be read is found with its problem.
 */
export async function findFiles(search: FileSearch, signal: AbortSignal): Promise<readonly FoundFile[]> {
  const matched = await matchFiles(search, signal)
  if (matched.length === 0) {
    throw new PipelineError('not_found', 'Looking for files', {
      cause: new Error(
        search.paths === undefined ? describePaths(search) : `no table takes a file of ${search.paths.join(', ')}`,
      ),
      hint: 'Correct `path` of the table, or put the files there. `simplyload files check --suggest` with files or a folder proposes tables.',
    })
  }
  const files: FoundFile[] = []
  for (const each of matched) {
    signal.throwIfAborted()
    files.push(await foundFile(each))
  }
  return files.toSorted(compareFiles)
}

function describePaths({ sets, folder }: FileSearch): string {
  if (sets.length === 0) return 'the configuration has no source of type files'
  return `no file in ${folder} has the path ${sets.map(({ path }) => path).join(' or ')}`
}

/** As `findFiles`, but says of each file which sets take it, none and several included. By name. */
export async function matchFiles(search: FileSearch, signal: AbortSignal): Promise<readonly MatchedFile[]> {
  const { folder, paths, pathsFrom = folder } = search
  const compiled = search.sets.map((set) => ({ set, pattern: parsePattern(set.path) }))
  const found = new Set<string>()
  if (paths === undefined) {
    for (const { pattern } of compiled) for (const path of await filesOf(pattern, folder, signal)) found.add(path)
  } else {
    for (const typed of paths) {
      const files = await filesAt(typed, pathsFrom, signal)
      const taken = (path: string) => matchFile(path, compiled, folder).matches.length > 0
      const wanted = files.ofFolder && search.untaken !== true ? files.paths.filter(taken) : files.paths
      for (const path of wanted) found.add(path)
    }
  }
  return [...found].toSorted().map((path) => matchFile(path, compiled, folder))
}

function matchFile(path: string, compiled: readonly CompiledSet[], folder: string): MatchedFile {
  const name = nameOf(path, folder)
  const matches = compiled.flatMap(({ set, pattern }) => {
    const match = matchPattern(pattern, isAbsolute(pattern.text) ? path.split(sep).join('/') : name)
    if (match === undefined) return []
    if (match.problem === undefined) return [{ set, period: match.period }]
    throw new PipelineError('source_file', `Reading the date in the name of ${name}`, {
      cause: new Error(match.problem),
      hint: `The path of ${qualifiedTableName(set.table)} is ${set.path}: rename the file, or take it away.`,
      context: { file: name, set: qualifiedTableName(set.table) },
    })
  })
  return { path, name, matches }
}

async function foundFile({ path, name, matches }: MatchedFile): Promise<FoundFile> {
  const [match, ...others] = matches
  if (match === undefined) {
    throw new PipelineError('source_file', `Finding the table of ${name}`, {
      cause: new Error('the path of no table fits it'),
      hint: `Add a table for it, or correct the path of one. \`simplyload files check --suggest ${name}\` proposes one.`,
      context: { file: name },
    })
  }
  if (others.length > 0) {
    const sets = matches.map(({ set }) => `${qualifiedTableName(set.table)} (${set.path})`)
    throw new PipelineError('source_file', `Finding the table of ${name}`, {
      cause: new Error(`the paths of ${sets.join(' and ')} fit it`),
      hint: 'Make the paths narrower, so that each file belongs to one table.',
      context: { file: name },
    })
  }
  const { set, period } = match
  const found = { path, bytes: 0, modifiedMs: 0, set, name, period, compression: set.compression ?? 'none' } as const
  let identity: FileIdentity | undefined
  try {
    identity = await identifyFile(path)
    return { ...found, ...identity, compression: await checkedCompression(path, name, set) }
  } catch (error) {
    if (!isUnreadable(error)) throw error
    return { ...found, ...identity, problem: error }
  }
}

async function checkedCompression(path: string, name: string, set: FileSet): Promise<FileCompression> {
  if (set.format.kind === 'parquet') return 'none'
  const actual = await compressionOf(path)
  if (set.compression === undefined || set.compression === actual) return actual
  const { bytes } = await identifyFile(path)
  if (bytes === 0) return set.compression
  throw new PipelineError('source_file', `Reading ${name}`, {
    cause: new Error(
      `${qualifiedTableName(set.table)} says compression: ${set.compression}, and its first bytes are those of ${actual === 'none' ? 'a plain file' : actual}`,
    ),
    hint: 'Leave `compression` out to go by the first bytes of each file, or have the file sent again.',
    context: { file: name },
  })
}

function compareFiles(a: FoundFile, b: FoundFile): number {
  const [from, otherFrom] = [a.period?.from ?? -Infinity, b.period?.from ?? -Infinity]
  if (from !== otherFrom) return from < otherFrom ? -1 : 1
  const [through, otherThrough] = [a.period?.through ?? 0, b.period?.through ?? 0]
  return through - otherThrough || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
}

function nameOf(path: string, folder: string): string {
  return relative(folder, path).split(sep).join('/')
}

interface TypedFiles {
  readonly paths: readonly string[]
  /** A folder was typed: what lies there beside the files that were meant is nobody's mistake. */
  readonly ofFolder: boolean
}

/** What was typed: a file as it is, all files of a folder, or whatever a pattern finds. */
async function filesAt(typed: string, from: string, signal: AbortSignal): Promise<TypedFiles> {
  const path = resolve(from, typed)
  const stats = await stat(path).catch((error: unknown) => error)
  if (!(stats instanceof Error) && (stats as { isDirectory(): boolean }).isDirectory())
    return { paths: await filesOf(parsePattern('**/*'), path, signal), ofFolder: true }
  // A shell that finds nothing hands the pattern on.
  if (stats instanceof Error && /[*?{]/.test(typed) && patternProblem(typed) === undefined)
    return { paths: await filesOf(parsePattern(typed), from, signal), ofFolder: false }
  if (stats instanceof Error) throw fileError(typed, stats)
  return { paths: [path], ofFolder: false }
}

/** Absolute paths of the files that fit, links to files and folders followed. */
async function filesOf(pattern: FilePattern, folder: string, signal: AbortSignal): Promise<readonly string[]> {
  const root = resolve(folder, pattern.root)
  const files: string[] = []
  const visit = async (at: string, depth: number): Promise<void> => {
    signal.throwIfAborted()
    for (const entry of await entriesOf(at)) {
      const level = pattern.levels[depth]
      if (level === undefined ? !pattern.anyDepth || entry.name.startsWith('.') : !level.test(entry.name)) continue
      const path = join(at, entry.name)
      const isFolder = entry.isSymbolicLink() ? await isFolderLink(path) : entry.isDirectory()
      const mayGoOn = pattern.anyDepth ? depth < DEPTH_MAX : depth + 1 < pattern.levels.length
      if (isFolder) {
        if (mayGoOn) await visit(path, depth + 1)
      } else if (matchPattern(pattern, isAbsolute(pattern.text) ? path : nameOf(path, folder)) !== undefined) {
        files.push(path)
      }
    }
  }
  await visit(root, 0)
  return files
}

async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    throw fileError(folder, error)
  }
}

/** A link that leads nowhere, or back to itself, is a file: reading it says so. */
async function isFolderLink(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ELOOP')) return false
    throw fileError(path, error)
  }
}
