/**
 * The record of a table as a JSON file of its own, replaced whole.
 *
 * `tables/<source>/<namespace>.<name>.json`; whatever is not a lower-case letter, digit, `_` or `-` in a name is written as
 * `%` and two hex digits, so that names that differ only by case are two files on every file system.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TableRecord } from '../../core/state.ts'
import { type TableId, tableName } from '../../core/table-schema.ts'
import { makeFolder, removeFile, replaceFile } from './durable-file.ts'
import { damaged, errnoOf, newerFormat } from './errors.ts'
import { checksum } from './journal-line.ts'
import { tableKey } from './step.ts'

const FORMAT = 1
/** File systems take 255 bytes, and the temporary file has some more. */
const NAME_LENGTH_MAX = 200
const HASH_DIGITS = 16

interface Content {
  readonly format: number
  /** Of the record as JSON without spaces. */
  readonly checksum: string
  /** Number of the last step of the journal before it was written. */
  readonly after: number
  readonly record: TableRecord
}

export interface ReadTable {
  readonly record: TableRecord
  readonly after: number
}

export class TableFiles {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async save(record: TableRecord, after: number): Promise<void> {
    const folder = join(this.#folder, encoded(record.table.source))
    await makeFolder(folder)
    const content: Content = { format: FORMAT, checksum: checksumOf(record), after, record }
    await replaceFile(this.#pathOf(record.table), `${JSON.stringify(content, null, 2)}\n`)
  }

  async remove(table: TableId): Promise<void> {
    try {
      await removeFile(this.#pathOf(table))
    } catch (error) {
      // The folder is not there: nothing was ever saved.
      if (errnoOf(error) !== 'ENOENT') throw error
    }
  }

  async read(table: TableId): Promise<ReadTable | undefined> {
    return readTable(this.#pathOf(table), table)
  }

  /** In order of namespace and name. */
  async readAll(source: string): Promise<readonly ReadTable[]> {
    const folder = join(this.#folder, encoded(source))
    const tables: ReadTable[] = []
    for (const name of await namesIn(folder)) {
      if (!name.endsWith('.json')) continue
      const table = await readTable(join(folder, name), undefined)
      if (table !== undefined) tables.push(table)
    }
    return tables.sort((a, b) => order(a.record.table, b.record.table))
  }

  async isEmpty(): Promise<boolean> {
    for (const source of await namesIn(this.#folder)) {
      if ((await namesIn(join(this.#folder, source))).some((name) => name.endsWith('.json'))) return false
    }
    return true
  }

  #pathOf(table: TableId): string {
    return join(this.#folder, encoded(table.source), fileNameOf(table))
  }
}

function fileNameOf(table: TableId): string {
  const name = `${encoded(table.namespace)}.${encoded(table.name)}`
  if (name.length <= NAME_LENGTH_MAX) return `${name}.json`
  const hash = createHash('sha256').update(tableKey(table)).digest('hex').slice(0, HASH_DIGITS)
  return `${name.slice(0, NAME_LENGTH_MAX - HASH_DIGITS - 1)}~${hash}.json`
}

function encoded(name: string): string {
  return [...Buffer.from(name)]
    .map((byte) => {
      const character = String.fromCharCode(byte)
      return /[a-z0-9_-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`
    })
    .join('')
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return []
    throw error
  }
}

/** Undefined where the file is not there. `table`: whose it must be; else what it says it is. */
async function readTable(path: string, table: TableId | undefined): Promise<ReadTable | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
  const content = parsed(text)
  if (content !== undefined && content.format !== FORMAT) throw newerFormat(path, content.format, FORMAT)
  if (content === undefined || content.checksum !== checksumOf(content.record)) {
    throw damaged(path, 'it is not what was written', mend(path))
  }
  const { record, after } = content
  if (!path.endsWith(fileNameOf(record.table)) || (table !== undefined && tableKey(table) !== tableKey(record.table))) {
    throw damaged(path, `it is the file of ${tableName(record.table)}`, mend(path))
  }
  return { record: { ...UNSET_FIELDS, ...record }, after }
}

function mend(path: string): string {
  return `Put back a copy of the whole folder, or move ${path} away: its table is then \`needs_resync\`, and simplyload checkpoint reset reads it again`
}

function parsed(text: string): Content | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isOurs = typeof value === 'object' && value !== null && 'format' in value && 'record' in value
    return isOurs ? (value as Content) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function checksumOf(record: TableRecord): string {
  return checksum(Buffer.from(JSON.stringify(record)))
}

function order(a: TableId, b: TableId): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

/** JSON has no `undefined`: what was left out is put back. */
const UNSET_FIELDS = {
  snapshotPosition: undefined,
  resumeState: undefined,
  lastError: undefined,
  lastErrorCode: undefined,
  lastSyncMs: undefined,
}
