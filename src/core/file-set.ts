/**
 * Files that belong together: what the configuration says of them, and what is known of each one that was found. A file set
 * is a table of a source of type `files`; each of its files, or each range of a plain file, is a batch.
 */
import type { PipelineError } from './errors.ts'
import type { CheckRule, RowLimit } from './file-check.ts'
import type { BadRowsFormat } from './file-commands.ts'
import type { Column, TableId } from './table-schema.ts'

export type FileCompression = 'none' | 'gzip' | 'zstd'
export type FileEncoding = 'utf-8' | 'utf-16' | 'latin-1'

export interface DelimitedFormat {
  readonly kind: 'delimited'
  /** One character. */
  readonly delimiter: string
  /** One character; undefined: quotes mean nothing. */
  readonly quote: string | undefined
  /** What stands before a quote that belongs to the value. Mostly the quote itself. */
  readonly escape: string | undefined
  readonly encoding: FileEncoding
  readonly header: boolean
  /** Lines before the header, or before the first record where there is none. */
  readonly skipLines: number
  /** Unquoted text that stands for NULL. */
  readonly nullWords: readonly string[]
  readonly decimalSeparator: '.' | ','
}

export type FileFormat = DelimitedFormat | { readonly kind: 'parquet' }

export interface FileColumn extends Column {
  /** How dates and times are written, in the letters of strptime; undefined: ISO 8601. */
  readonly format?: string | undefined
  /** Loaded, but not shown in reports, messages and files of bad rows. */
  readonly sensitive: boolean
}

/** - `append`: rows are added. - `merge`: by key, the later row wins. - `replace`: rows of the file's period are removed first, in the same transaction. */
export type FileWrite = 'append' | 'merge' | 'replace'

export interface FileSet {
  readonly table: TableId
  /** As written: `data/sales_{yyyy}-{mm}.tsv.gz`. Relative to the configuration file. */
  readonly path: string
  readonly format: FileFormat
  /** Undefined: by the file's name and its first bytes. */
  readonly compression: FileCompression | undefined
  /** In the order in which a file has them; ids from 1 in this order. */
  readonly columns: readonly FileColumn[]
  /** Names of columns. */
  readonly dateColumn: string | undefined
  readonly key: readonly string[]
  readonly write: FileWrite
  /** Rows that a file is to have. */
  readonly rows: { readonly min?: number | undefined; readonly max?: number | undefined } | undefined
  /** Name of a calendar of the configuration; undefined: no completeness of days is checked. */
  readonly calendar: string | undefined
  /** Columns whose daily sums are watched beside the rows. */
  readonly sums: readonly string[]
  readonly rules: readonly CheckRule[]
  /** What makes bad values and rows more than an exception: of each kind the limit. */
  readonly badRows: RowLimit
  /** What they are kept as. Undefined: TSV. */
  readonly badRowsFormat?: BadRowsFormat | undefined
}

/** What a file stands for by its name: a day, a month, a year. Civil days since 1970, both included. */
export interface FilePeriod {
  /** `2024-03`. */
  readonly name: string
  readonly from: number
  readonly through: number
}

/** What a file was when it was looked at: another one is another file. */
export interface FileIdentity {
  /** Absolute. */
  readonly path: string
  readonly bytes: number
  readonly modifiedMs: number
}

export interface FoundFile extends FileIdentity {
  readonly set: FileSet
  /** Relative to the configuration file, with `/`: how it is called everywhere. */
  readonly name: string
  readonly compression: FileCompression
  /** From the placeholders of the path; undefined where it has none that say when. */
  readonly period: FilePeriod | undefined
  /** Why nothing of it can be read, found when it was looked at; sizes and times may be 0 then. Other files are none the worse. */
  readonly problem?: PipelineError
}
