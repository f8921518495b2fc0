/** The configuration of a source of files: what a person writes → file sets with their rules. */
import { z } from 'zod'
import type { CheckRule } from '../../core/file-check.ts'
import type { DelimitedFormat, FileColumn, FileFormat, FileSet } from '../../core/file-set.ts'
import { nearest } from '../../core/nearest.ts'
import type { ColumnType } from '../../core/table-schema.ts'
import { parsePattern } from '../../file-sets/file-pattern.ts'
import { type FileTableOptions, fileTableOptions, typeOfText } from './table-options.ts'

/** All tables of files have it. */
export const FILES_NAMESPACE = 'files'

type ColumnOptions = Exclude<FileTableOptions['columns'][string], string>
type Problem = (path: readonly (string | number)[], message: string) => void

const NUMBERS: readonly ColumnType['kind'][] = ['int16', 'int32', 'int64', 'float32', 'float64', 'decimal']
const TIMES: readonly ColumnType['kind'][] = ['date', 'time', 'timestamp', 'timestamptz']

const table = fileTableOptions
  .superRefine((options, context) => {
    const problem: Problem = (path, message) => context.addIssue({ code: 'custom', path: [...path], message })
    checkColumns(options, problem)
    checkReferences(options, problem)
    checkWriting(options, problem)
    checkRules(options, problem)
  })
  .transform(tableOf)

export const filesSourceSchema = z
  .strictObject({
    type: z.literal('files').describe('Files on this machine: TSV, CSV and Parquet'),
    tables: z.array(table).min(1).describe('A table for each kind of file'),
  })
  .superRefine(({ tables }, context) => {
    for (const [index, { name }] of tables.entries()) {
      if (tables.findIndex((each) => each.name === name) === index) continue
      context.addIssue({
        code: 'custom',
        path: ['tables', index, 'name'],
        message: 'must not be that of a table before',
      })
    }
  })

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

export type FilesSourceConfig = DeepReadonly<z.output<typeof filesSourceSchema>>

/** A table as the engine knows those of any source; `set` says what it is made of. */
export interface FilesTable {
  readonly name: string
  readonly target: string | undefined
  readonly key: string[] | undefined
  readonly exclude: string[]
  readonly types: Record<string, ColumnType>
  readonly transform: string | undefined
  readonly on_transform_error: 'stop' | 'continue'
  readonly null_cursor: 'include' | 'ignore' | 'error'
  readonly freshness: number | undefined
  readonly write: 'merge' | 'append' | 'history'
  readonly hard_delete: boolean
  readonly cluster_by: string[] | undefined
  readonly schema_changes: 'evolve' | 'freeze' | 'discard'
  /** `name`: without the namespace. */
  readonly set: Omit<FileSet, 'table'> & { readonly name: string }
}

function tableOf(options: FileTableOptions): FilesTable {
  return {
    name: `${FILES_NAMESPACE}.${options.name}`,
    target: options.target,
    // Elsewhere it is checked, and no row is recognised by it.
    key: options.write === 'merge' ? options.key : undefined,
    exclude: options.exclude,
    types: {},
    transform: undefined,
    on_transform_error: 'stop',
    null_cursor: 'include',
    freshness: options.freshness,
    // Tables hold rows, not changes of them; `set.write` says how rows get there.
    write: 'merge',
    hard_delete: false,
    cluster_by: options.cluster_by,
    schema_changes: 'evolve',
    set: { name: options.name, ...setOf(options) },
  }
}

/** The sets of a source, in the order of the configuration. */
export function fileSets(source: string, config: FilesSourceConfig): readonly FileSet[] {
  return config.tables.map(({ set: { name, ...set } }) => ({
    table: { source, namespace: FILES_NAMESPACE, name },
    ...set,
  }))
}

function setOf(options: FileTableOptions): Omit<FileSet, 'table'> {
  const columns = columnsOf(options)
  const key = options.key ?? []
  const { format: badRowsFormat, ...badRows } = options.bad_rows
  const keyRules: readonly CheckRule[] =
    key.length === 0
      ? []
      : [
          {
            name: 'key_unique',
            // Merged rows take the place of those of earlier files.
            question: { kind: 'unique', columns: key, across: options.write === 'merge' ? 'file' : 'set' },
            severity: 'CRITICAL',
            limit: {},
          },
        ]
  return {
    path: options.path,
    format: formatOf(options.format),
    compression: options.compression,
    columns,
    dateColumn: options.date,
    key,
    write: options.write,
    rows: options.rows,
    calendar: options.calendar,
    sums: options.sums,
    rules: [...keyRules, ...columnRules(options, key), ...ownRules(options)],
    badRows,
    badRowsFormat,
  }
}

function formatOf(written: FileTableOptions['format']): FileFormat {
  const options = typeof written === 'string' ? { type: written } : written
  if (options.type === 'parquet') return { kind: 'parquet' }
  const isCsv = options.type === 'csv'
  const given: Partial<Exclude<FileTableOptions['format'], string>> = options
  const quote = given.quote === false ? undefined : (given.quote ?? (isCsv ? '"' : undefined))
  return {
    kind: 'delimited',
    delimiter: given.delimiter ?? (isCsv ? ',' : '\t'),
    quote,
    escape: quote === undefined ? undefined : (given.escape ?? quote),
    encoding: given.encoding ?? 'utf-8',
    header: given.header ?? true,
    skipLines: given.skip_lines ?? 0,
    nullWords: given.null ?? [''],
    decimalSeparator: given.decimal ?? '.',
  } satisfies DelimitedFormat
}

function columnsOf({ columns, key = [] }: FileTableOptions): readonly FileColumn[] {
  return Object.entries(columns).map(([name, written], index) => {
    const options = optionsOf(written)
    const { type, format } = options
    return {
      id: index + 1,
      name,
      // The schema has let no other text through.
      type: typeOfText(type) ?? { kind: 'text' },
      sourceType: type,
      // A row without a value that is no more than told of is loaded.
      nullable: (options.nullable || options.severity !== 'CRITICAL') && !key.includes(name),
      sensitive: options.sensitive,
      format,
    }
  })
}

const PLAIN = { nullable: true, sensitive: false, severity: 'CRITICAL', limit: {} } as const

function optionsOf(written: string | ColumnOptions): ColumnOptions {
  return typeof written === 'string' ? { type: written, ...PLAIN } : written
}

/** What columns are written with → rules; the key's columns must be there. */
function columnRules({ columns }: FileTableOptions, key: readonly string[]): readonly CheckRule[] {
  return Object.entries(columns).flatMap(([column, written]): readonly CheckRule[] => {
    const { nullable, range, pattern, values, length, references, severity, limit } = optionsOf(written)
    const rule = (kind: string, question: CheckRule['question']): CheckRule => ({
      name: `${column}_${kind}`,
      question,
      severity,
      limit,
    })
    const isKey = key.includes(column)
    const notNull = rule('not_null', { kind: 'not_null', columns: [column] })
    return [
      // Without its key a row has no place in the table, whatever is said of the column.
      ...(isKey ? [{ ...notNull, severity: 'CRITICAL' as const }] : nullable ? [] : [notNull]),
      ...(range === undefined ? [] : [rule('range', { kind: 'range', column, ...range })]),
      ...(pattern === undefined ? [] : [rule('pattern', { kind: 'pattern', column, pattern })]),
      ...(length === undefined ? [] : [rule('length', { kind: 'length', column, ...length })]),
      ...(values === undefined ? [] : [rule('values', { kind: 'values', column, values })]),
      ...(references === undefined
        ? []
        : [rule('references', { kind: 'references', column, file: references.file, fileColumn: references.column })]),
    ]
  })
}

function ownRules({ rules }: FileTableOptions): readonly CheckRule[] {
  return rules.map(({ name, condition, query, severity, limit, why, fix }) => ({
    name,
    question: condition === undefined ? { kind: 'query', sql: query ?? '' } : { kind: 'condition', sql: condition },
    severity,
    limit,
    why,
    fix,
  }))
}

function checkColumns({ columns, format }: FileTableOptions, problem: Problem): void {
  const seen = new Map<string, string>()
  for (const [name, written] of Object.entries(columns)) {
    const same = seen.get(name.toLowerCase())
    if (same !== undefined) problem(['columns', name], `must differ from ${same} by more than case`)
    seen.set(name.toLowerCase(), name)
    // JavaScript moves such keys to the front, and the order of columns is that of the file.
    if (/^\d+$/.test(name)) problem(['columns', name], 'must not be a number')
    const options = optionsOf(written)
    const kind = typeOfText(options.type)?.kind ?? 'text'
    if (options.format !== undefined && !TIMES.includes(kind) && kind !== 'bytes')
      problem(['columns', name, 'format'], `must be left out for ${options.type}: it is for dates, times and bytes`)
    const isBytes = options.format === 'hex' || options.format === 'base64'
    if (options.format !== undefined && (kind === 'bytes') !== isBytes)
      problem(['columns', name, 'format'], kind === 'bytes' ? 'must be hex or base64' : 'must be letters of strptime')
    if (options.range !== undefined && !NUMBERS.includes(kind) && !TIMES.includes(kind))
      problem(['columns', name, 'range'], 'must be left out: only numbers, dates and times have an order')
  }
  const options = typeof format === 'string' ? undefined : format
  if (options !== undefined && options.type !== 'parquet' && options.delimiter !== undefined) {
    if (options.delimiter === options.quote) problem(['format', 'quote'], 'must differ from the delimiter')
  }
}

function checkReferences(options: FileTableOptions, problem: Problem): void {
  const names = Object.keys(options.columns)
  const known = (path: readonly (string | number)[], name: string, kinds?: readonly ColumnType['kind'][]): void => {
    const written = options.columns[name]
    if (written === undefined) {
      const near = nearest(name, names)
      problem(path, `must name one of the columns${near === undefined ? '' : `; did you mean ${near}?`}`)
      return
    }
    const { type } = optionsOf(written)
    const kind = typeOfText(type)?.kind
    if (kinds !== undefined && kind !== undefined && !kinds.includes(kind))
      problem(path, `must name a column of type ${kinds.join(', ')}; ${name} is ${type}`)
  }
  if (options.date !== undefined) known(['date'], options.date, ['date', 'timestamp', 'timestamptz'])
  for (const [index, name] of (options.key ?? []).entries()) known(['key', index], name)
  for (const [index, name] of options.sums.entries()) known(['sums', index], name, NUMBERS)
  for (const [index, name] of options.exclude.entries()) {
    known(['exclude', index], name)
    if (options.key?.includes(name) === true)
      problem(['exclude', index], `must not name "${name}", which is in the key`)
    if (options.date === name) problem(['exclude', index], `must not name "${name}", which is the date`)
  }
}

function checkWriting(
  { write, key, date, path, calendar, format, compression }: FileTableOptions,
  problem: Problem,
): void {
  if (write === 'merge' && key === undefined) problem(['key'], 'must be given with write: merge')
  if (write === 'replace' && date === undefined) problem(['date'], 'must be given with write: replace')
  if (write === 'replace' && parsePattern(path).period === undefined)
    problem(
      ['path'],
      'must have {yyyy}, with or without {mm}, {dd} or {q}, with write: replace: it says what is replaced',
    )
  if (calendar !== undefined && date === undefined) problem(['date'], 'must be given with a calendar')
  const isParquet = (typeof format === 'string' ? format : format.type) === 'parquet'
  if (isParquet && compression !== undefined)
    problem(['compression'], 'must be left out for Parquet, which is packed within')
}

function checkRules(options: FileTableOptions, problem: Problem): void {
  const taken = new Set(['key_unique', ...columnRules(options, options.key ?? []).map(({ name }) => name)])
  for (const [index, { name }] of options.rules.entries()) {
    if (taken.has(name)) problem(['rules', index, 'name'], 'must not be that of another rule')
    taken.add(name)
  }
}
