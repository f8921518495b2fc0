/**
 * Where a stage file rests: `<customer>/<source>/<namespace>.<table>/<date_hour>/<batch_id>.parquet`.
 *
 * Names are encoded reversibly, so that the ledger can be rebuilt by listing a stage, and so that two names that differ
 * never share a path: not on file systems that fold case or Unicode forms, not where a name holds a dot, a slash or a quote.
 * Lower-case letters, digits, `_` and `-` stand for themselves; every other byte of the UTF-8 form is `!` and two hex
 * digits. (`!` is plain in URLs, in the keys of object stores and in the patterns of DuckDB, where `%` and `=` are not.)
 */
import type { TableId } from './table-schema.ts'

export interface StagePathParts {
  readonly customer: string
  readonly table: TableId
  readonly batchId: string
  /** When it was staged; the path tells the hour in UTC. Milliseconds since 1970. */
  readonly stagedMs: number
}

// Two of them and a dot fit the 255 bytes that file systems allow for one name.
const PART_LENGTH_MAX = 120

const LONG = '!!'
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** At most 120 characters; 63 bytes of anything fit. Throws a RangeError for longer, empty and ill-formed names. */
export function encodePathPart(name: string): string {
  if (name === '' || !name.isWellFormed()) throw new RangeError(`"${name}" is not a name`)
  let encoded = ''
  for (const character of name) {
    if (/[a-z0-9_-]/.test(character)) encoded += character
    else for (const byte of utf8(character)) encoded += `!${byte.toString(16).padStart(2, '0')}`
  }
  if (encoded.length > PART_LENGTH_MAX) encoded = LONG + base32(utf8(name))
  if (encoded.length > PART_LENGTH_MAX) throw new RangeError(`The name "${name}" is too long for a stage path`)
  return encoded
}

/** Undefined for what `encodePathPart` does not write. */
export function decodePathPart(encoded: string): string | undefined {
  const bytes = encoded.startsWith(LONG) ? fromBase32(encoded.slice(LONG.length)) : fromEscapes(encoded)
  const name = bytes === undefined ? undefined : new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  // Only the one form of a name counts as its path.
  return name !== undefined && encodes(name, encoded) ? name : undefined
}

/** What all stage files of a table have in common, without a `/` at the end. */
export function tablePath(customer: string, table: TableId): string {
  const place = `${encodePathPart(table.namespace)}.${encodePathPart(table.name)}`
  return `${encodePathPart(customer)}/${encodePathPart(table.source)}/${place}`
}

/** `batchId`: lower-case letters, digits, `.`, `_` and `-`, at most 200. */
export function stagePath(parts: StagePathParts): string {
  if (!/^[a-z0-9_-][a-z0-9._-]{0,199}$/.test(parts.batchId))
    throw new RangeError(`"${parts.batchId}" is not a batch id`)
  const hour = new Date(parts.stagedMs).toISOString().slice(0, 13).replace('T', '_')
  return `${tablePath(parts.customer, parts.table)}/${hour}/${parts.batchId}.parquet`
}

/** Undefined for a path that `stagePath` does not write. `stagedMs` comes back as the beginning of its hour. */
export function parseStagePath(path: string): StagePathParts | undefined {
  const match = /^([^/]+)\/([^/]+)\/([^/.]+)\.([^/.]+)\/(\d{4}-\d\d-\d\d)_(\d\d)\/([^/]+)\.parquet$/.exec(path)
  if (match === null) return undefined
  const [, customerPart = '', sourcePart = '', namespacePart = '', namePart = '', day, hour, batchId = ''] = match
  const customer = decodePathPart(customerPart)
  const source = decodePathPart(sourcePart)
  const namespace = decodePathPart(namespacePart)
  const name = decodePathPart(namePart)
  const stagedMs = Date.parse(`${day}T${hour}:00:00Z`)
  if (customer === undefined || source === undefined || namespace === undefined || name === undefined) return undefined
  const parts = { customer, table: { source, namespace, name }, batchId, stagedMs }
  return Number.isNaN(stagedMs) ? undefined : parts
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function encodes(name: string, encoded: string): boolean {
  try {
    return encodePathPart(name) === encoded
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

function fromEscapes(encoded: string): Uint8Array | undefined {
  if (!/^(?:[a-z0-9_-]|![0-9a-f]{2})+$/.test(encoded)) return undefined
  const bytes = encoded.match(/![0-9a-f]{2}|./g) ?? []
  return Uint8Array.from(bytes, (part) => (part.length === 3 ? Number.parseInt(part.slice(1), 16) : part.charCodeAt(0)))
}

function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += BASE32.charAt((held >> bits) & 31)
    }
  }
  return bits === 0 ? text : text + BASE32.charAt((held << (5 - bits)) & 31)
}

function fromBase32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8))
  let bits = 0
  let held = 0
  let length = 0
  for (const character of text) {
    const value = BASE32.indexOf(character)
    if (value < 0) return undefined
    held = ((held << 5) | value) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes[length++] = (held >> bits) & 0xff
  }
  return bytes
}
