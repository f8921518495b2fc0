/**
 * Proposes a file set for a file that none takes: a table's entry for `simplyload.yaml`, with the reason for each guess. DuckDB's
 * sniffer looks for the dialect, we for encoding, path and types. It is a first draft for a person and is never read with.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PipelineError } from '../core/errors.ts'
import type { DelimitedFormat, FileCompression, FileEncoding } from '../core/file-set.ts'
import { compressionOf, firstBytes, identifyFile } from './file-fingerprint.ts'
import { MAGIC_BYTES, refuseOtherFormat } from './other-format.ts'
import { readRecord, SEPARATOR_LINE } from './prologue.ts'
import { type GuessedColumn, guessColumns, parquetColumn } from './suggest-columns.ts'
import { suggestPath } from './suggest-path.ts'
import { FileText } from './unpack-file.ts'
import { quotePath } from './value-cast.ts'

/** Enough for thousands of records, and read in a moment. */
const SAMPLE_BYTES = 1 << 20
const NUL_SHARE_OF_UTF16 = 0.2

/** Runs SQL in a DuckDB whose TimeZone is UTC; rows with values as JSON. */
export type SampleQuery = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>

export interface SetSuggestion {
  readonly table: string
  /** As an entry has it: `data/sales_{yyyy}-{mm}.csv`. */
  readonly path: string
  /** An entry of `tables`, as YAML with its reasons as comments. */
  readonly yaml: string
  readonly reasons: readonly string[]
}

interface Sample {
  readonly text: string
  readonly encoding: FileEncoding
  readonly isWhole: boolean
}

/**
 * `name`: relative to the configuration, with `/`. `folder`: for a temporary file. Throws `source_file` for a file that is empty
 * or is no text.
 */
export async function suggestSet(
  path: string,
  name: string,
  folder: string,
  query: SampleQuery,
  signal: AbortSignal,
): Promise<SetSuggestion> {
  const { bytes } = await identifyFile(path)
  if (bytes === 0) throw noText(name, 'it is empty')
  const place = suggestPath(name)
  if ((await firstBytes(path, 4)).toString('latin1') === 'PAR1') {
    const found = await query(
      `SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet(${quotePath(path)}, hive_partitioning = false))`,
    )
    const columns = found.map((row) => parquetColumn(String(row.column_name), String(row.column_type)))
    return written(place, ['    format: parquet'], columns, ['It begins with PAR1, so it is Parquet.'])
  }
  refuseOtherFormat(name, await firstBytes(path, MAGIC_BYTES))
  const compression = await compressionOf(path)
  const sample = await sampleOf(path, name, compression, signal)
  const copy = join(folder, `${randomUUID()}.sample`)
  await mkdir(folder, { recursive: true })
  try {
    await writeFile(copy, sample.text)
    const dialect = await dialectOf(sample, copy, query)
    const columns = await guessColumns(copy, dialect, query).catch((error: unknown) => {
      // What DuckDB says of a reader that gave up is about its settings.
      if (error instanceof Error && /CSV|state machine/i.test(error.message))
        throw noText(name, 'it cannot be cut into records and columns')
      throw error
    })
    return written(place, formatLines(dialect.format, columns.decimalSeparator), columns.columns, [
      ...dialect.reasons,
      ...columns.reasons,
    ])
  } finally {
    await rm(copy, { force: true })
  }
}

async function sampleOf(
  path: string,
  name: string,
  compression: FileCompression,
  signal: AbortSignal,
): Promise<Sample> {
  // As Latin-1 each byte is a letter, so that nothing is lost before the encoding is known.
  const source = new FileText({ path, compression, encoding: 'latin-1' }, {}, signal)
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of source) {
    chunks.push(Buffer.from(chunk.toString('utf8'), 'latin1'))
    length += chunk.length
    if (length >= SAMPLE_BYTES) break
  }
  if (source.facts.damage !== undefined && length === 0) throw noText(name, source.facts.damage)
  const raw = Buffer.concat(chunks).subarray(0, SAMPLE_BYTES)
  const encoding = encodingOf(raw)
  const text = decoded(raw, encoding)
  if (text === '') throw noText(name, 'it is empty')
  const isWhole = length < SAMPLE_BYTES
  const lastEnd = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r'))
  if (!isWhole && lastEnd < 0) throw noText(name, 'there is no end of a line in its first MiB')
  return { text: isWhole ? text : text.slice(0, lastEnd + 1), encoding, isWhole }
}

function encodingOf(raw: Buffer): FileEncoding {
  const mark = raw.length >= 2 ? raw.readUInt16LE() : 0
  if (mark === 0xfeff || mark === 0xfffe) return 'utf-16'
  const zeros = raw.subarray(0, 4096).filter((byte) => byte === 0).length
  if (zeros > NUL_SHARE_OF_UTF16 * Math.min(raw.length, 4096)) return 'utf-16'
  // The last character may be cut.
  const text = new TextDecoder('utf-8', { fatal: true })
  try {
    text.decode(raw, { stream: true })
    return 'utf-8'
  } catch {
    return 'latin-1'
  }
}

function decoded(raw: Buffer, encoding: FileEncoding): string {
  const label = encoding === 'utf-16' ? (raw.readUInt16LE() === 0xfffe ? 'utf-16be' : 'utf-16le') : encoding
  return label === 'latin-1' ? raw.toString('latin1') : new TextDecoder(label).decode(raw, { stream: true })
}

export interface SampleDialect {
  readonly format: DelimitedFormat
  readonly names: readonly string[]
  readonly reasons: readonly string[]
}

async function dialectOf(sample: Sample, copy: string, query: SampleQuery): Promise<SampleDialect> {
  const excelLine = SEPARATOR_LINE.exec(sample.text)
  const skipped = excelLine === null ? '' : ', skip = 1'
  const [found] = await query(
    `SELECT Delimiter, Quote, SkipRows, HasHeader FROM sniff_csv(${quotePath(copy)}, sample_size = 20000, ignore_errors = true${skipped})`,
  ).catch(() => [])
  const delimiter = excelLine?.[1] ?? character(found?.Delimiter) ?? mostFrequent(sample.text)
  // That a sample has no quotes does not say that the rest has none; with tabs they are seldom meant as such.
  const quote = character(found?.Quote) ?? (delimiter !== '\t' || sample.text.includes('"') ? '"' : undefined)
  const format: DelimitedFormat = {
    kind: 'delimited',
    delimiter,
    quote,
    escape: quote,
    encoding: sample.encoding,
    header: found?.HasHeader !== false,
    skipLines: Math.max(Number(found?.SkipRows ?? 0), excelLine === null ? 0 : 1),
    nullWords: [''],
    decimalSeparator: '.',
  }
  const lines = sample.text.split(/\r\n|\n|\r/).slice(format.skipLines)
  const first = Buffer.from(lines.join('\n').slice(0, SAMPLE_BYTES))
  const { values } = readRecord(first, 0, format)
  const names = format.header
    ? values.map((value, index) => (value.trim() === '' ? `column_${index + 1}` : value.replace(/^\ufeff/, '')))
    : values.map((_, index) => `column_${index + 1}`)
  return {
    format,
    names,
    reasons: [
      `Values are separated by ${delimiter === '\t' ? 'tabs' : `"${delimiter}"`}${found === undefined ? ', the most frequent of , ; tab |' : ''}.`,
      ...(sample.encoding === 'utf-8'
        ? []
        : [`The first MiB is ${sample.encoding === 'utf-16' ? 'UTF-16' : 'no UTF-8, so it is taken for Latin-1'}.`]),
      ...(format.header
        ? []
        : ['The first line looks like data, so there is no header: give the columns their names.']),
      ...(format.skipLines === 0
        ? []
        : [
            excelLine === null
              ? `${format.skipLines} lines before the header do not look like records.`
              : 'The first line names the delimiter for Excel, and is skipped.',
          ]),
    ],
  }
}

/** The sniffer writes `(empty)` for none. */
function character(value: unknown): string | undefined {
  return typeof value === 'string' && value.length === 1 && value !== '\0' ? value : undefined
}

function mostFrequent(text: string): string {
  const first = text.split(/\r\n|\n|\r/, 1)[0] ?? ''
  const counts = ['\t', ';', ',', '|'].map((letter) => [letter, first.split(letter).length] as const)
  return counts.toSorted((a, b) => b[1] - a[1])[0]?.[0] ?? ','
}

function formatLines(format: DelimitedFormat, decimalSeparator: '.' | ','): readonly string[] {
  const isTsv = format.delimiter === '\t' && format.quote === undefined
  const options = [
    ...(isTsv || (format.delimiter === ',' && !isTsv) ? [] : [`delimiter: ${JSON.stringify(format.delimiter)}`]),
    ...(format.quote === undefined && !isTsv ? ['quote: false'] : []),
    ...(format.quote !== undefined && format.quote !== '"' ? [`quote: ${JSON.stringify(format.quote)}`] : []),
    ...(format.encoding === 'utf-8' ? [] : [`encoding: ${format.encoding}`]),
    ...(format.header ? [] : ['header: false']),
    ...(format.skipLines === 0 ? [] : [`skip_lines: ${format.skipLines}`]),
    ...(decimalSeparator === '.' ? [] : ['decimal: ","']),
  ]
  const type = isTsv ? 'tsv' : 'csv'
  return [`    format: ${options.length === 0 ? type : `{ type: ${type}, ${options.join(', ')} }`}`]
}

function written(
  place: ReturnType<typeof suggestPath>,
  format: readonly string[],
  columns: readonly GuessedColumn[],
  reasons: readonly string[],
): SetSuggestion {
  const all = [...place.reasons, ...reasons]
  const days = columns.filter(({ type }) => type === 'date')
  const [day] = days
  const dateLine = day === undefined || days.length > 1 ? [] : [`    date: ${yamlKey(day.name)}`]
  const lines = [
    ...all.map((reason) => `  # ${reason}`),
    `  - name: ${place.table}`,
    `    path: ${yamlPath(place.path)}`,
    ...format,
    '    columns:',
    ...columns.map((column) => `      ${yamlKey(column.name)}: ${typeText(column)}`),
    ...dateLine,
  ]
  return { table: place.table, path: place.path, yaml: `${lines.join('\n')}\n`, reasons: all }
}

function typeText({ type, format, note }: GuessedColumn): string {
  const text = format === undefined ? type : `{ type: ${type}, format: ${JSON.stringify(format)} }`
  return note === undefined ? text : `${text} # ${note}`
}

/** A brace at the beginning, or a colon, would be YAML. */
function yamlPath(path: string): string {
  return /^[\w./][\w./{}=-]*$/.test(path) ? path : JSON.stringify(path)
}

function yamlKey(name: string): string {
  return /^[A-Za-z_][\w-]*$/.test(name) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(name)
    ? name
    : JSON.stringify(name)
}

function noText(name: string, why: string): PipelineError {
  return new PipelineError('source_file', `Suggesting a table for ${name}`, {
    cause: new Error(why),
    hint: 'Name a file of text or Parquet that has records.',
    context: { file: name },
  })
}
