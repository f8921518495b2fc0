/** A file set for tests: what a configuration with nothing but a path and columns gives. */

import type { DelimitedFormat, FileColumn, FileSet } from '../../src/core/file-set.ts'
import { typeOfText } from '../../src/sources/files/table-options.ts'

export const TSV: DelimitedFormat = {
  kind: 'delimited',
  delimiter: '\t',
  quote: undefined,
  escape: undefined,
  encoding: 'utf-8',
  header: true,
  skipLines: 0,
  nullWords: [''],
  decimalSeparator: '.',
}

export const CSV: DelimitedFormat = { ...TSV, delimiter: ',', quote: '"', escape: '"' }

/** `{ id: 'bigint', day: 'date' }`: types as a configuration has them. */
export function fileColumns(
  types: Readonly<Record<string, string>>,
  formats: Readonly<Record<string, string>> = {},
): readonly FileColumn[] {
  return Object.entries(types).map(([name, text], index) => {
    const type = typeOfText(text)
    if (type === undefined) throw new Error(`${text} is no type`)
    const format = formats[name]
    const column = { id: index + 1, name, type, sourceType: text, nullable: true, sensitive: false }
    return format === undefined ? column : { ...column, format }
  })
}

export function fileSet({ name = 'sales', ...given }: Partial<FileSet> & { readonly name?: string }): FileSet {
  return {
    table: { source: 'monthly', namespace: 'files', name },
    path: 'data/*.tsv',
    format: TSV,
    compression: undefined,
    columns: fileColumns({ id: 'int64' }),
    dateColumn: undefined,
    key: [],
    write: 'append',
    rows: undefined,
    calendar: undefined,
    sums: [],
    rules: [],
    badRows: {},
    ...given,
  }
}
