/** What a table of a source of files is configured with, key by key: for parser, JSON Schema and reference page. */
import { z } from 'zod'
import { COLUMN_TYPE_FORM, parseColumnType } from '../../core/column-type-form.ts'
import { DURATION_FORM, DURATION_PATTERN, durationMs } from '../../core/duration.ts'
import { SEVERITIES } from '../../core/file-check.ts'
import { BAD_ROWS_FORMATS } from '../../core/file-commands.ts'
import type { ColumnType } from '../../core/table-schema.ts'
import { patternProblem } from '../../file-sets/file-pattern.ts'

/** Names of SQL for types that have others here. */
const SQL_NAMES: Readonly<Record<string, string>> = {
  bigint: 'int64',
  integer: 'int32',
  int: 'int32',
  smallint: 'int16',
  boolean: 'bool',
  double: 'float64',
  real: 'float32',
  varchar: 'text',
  string: 'text',
}

export function typeOfText(text: string): ColumnType | undefined {
  const name = text.trim().toLowerCase()
  return parseColumnType(SQL_NAMES[name] ?? name.replace(/^numeric\(/, 'decimal('))
}

const columnType = z.string().refine((text) => typeOfText(text) !== undefined, { error: `must be ${COLUMN_TYPE_FORM}` })

const text = z.string().min(1)
const number = z.number()
const bound = z.union([number, text], { error: 'must be a number, or a date or time as text' }).transform(String)
const severity = z.enum(SEVERITIES)

const limit = z.strictObject({
  rows: z.int().nonnegative().optional().describe('Most rows that may fail'),
  share: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('Most of the rows that may fail, 0 to 1: `0.001` is one in a thousand'),
})

interface Bounds {
  readonly min?: string | number | undefined
  readonly max?: string | number | undefined
}

/** Bounds that bound nothing would pass whatever comes. */
const someBound = ({ min, max }: Bounds): boolean => min !== undefined || max !== undefined
const NO_BOUND = { error: 'must have min or max' }

/** Numbers by value, dates and times of ISO 8601 as text; what is written otherwise is left to the reader. */
const inOrder = ({ min, max }: Bounds): boolean => {
  if (min === undefined || max === undefined) return true
  if (!Number.isNaN(Number(min)) && !Number.isNaN(Number(max))) return Number(min) <= Number(max)
  const isIso = (bound: string | number) => /^\d{4}-\d\d-\d\d/.test(String(bound))
  return !isIso(min) || !isIso(max) || String(min) <= String(max)
}
const WRONG_ORDER = { error: 'must not be less than min', path: ['max'] }

/** Letters that strptime of DuckDB reads. `%n` has nanoseconds, which nothing behind it holds. */
const STRPTIME_LETTERS = 'aAbBcdfgHIjmMpSuUVwWxXyYzZ%G'

const timeFormat = text.refine(
  (format) =>
    [...format.matchAll(/%-?(.?)/g)].every(([, letter = '']) => letter !== '' && STRPTIME_LETTERS.includes(letter)),
  { error: 'must have letters of strptime only, such as %d.%m.%Y or %Y-%m-%d %H:%M:%S.%f' },
)

const columnOptions = z.strictObject({
  type: columnType.describe(`As in the short form: ${COLUMN_TYPE_FORM}`),
  format: timeFormat
    .or(z.enum(['hex', 'base64']))
    .optional()
    .describe(
      'How dates and times are written, in letters of strptime: `%d.%m.%Y`. Bytes: `hex` or `base64`. Default: ISO 8601; hex',
    ),
  nullable: z
    .boolean()
    .default(true)
    .describe('`false`: NULL is a bad value; with a `severity` below `CRITICAL` its row is loaded, and told of'),
  sensitive: z.boolean().default(false).describe('Loaded, but shown in no report, message or file of bad rows'),
  range: z
    .strictObject({
      min: bound.optional().describe('Smallest good value'),
      max: bound.optional().describe('Largest good value'),
    })
    .refine(someBound, NO_BOUND)
    .refine(inOrder, WRONG_ORDER)
    .optional()
    .describe('Numbers, or dates and times, both ends included'),
  pattern: text.optional().describe('Regular expression (RE2) that the whole text matches'),
  values: z
    .array(z.union([text, number, z.boolean()]).transform(String))
    .min(1)
    .optional()
    .describe('The only good values'),
  length: z
    .strictObject({
      min: z.int().nonnegative().optional().describe('Fewest characters'),
      max: z.int().nonnegative().optional().describe('Most characters'),
    })
    .refine(someBound, NO_BOUND)
    .refine(inOrder, WRONG_ORDER)
    .optional()
    .describe('Characters of the text'),
  references: z
    .strictObject({
      file: text.describe('A CSV or Parquet file with its header, relative to this one'),
      column: text.describe('Its column'),
    })
    .optional()
    .describe('Each value is one of another file, compared as text'),
  severity: severity.default('CRITICAL').describe('Of the rules of this column'),
  limit: limit.prefault({}).describe('Of the rules of this column: what is more than an exception. Default: no row'),
})

const rule = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9_]*$/, { error: 'must consist of lower-case letters, digits and _' })
      .describe('Unique within the table'),
    condition: text.optional().describe('SQL that is true for good rows: `amount > 0`'),
    query: text.optional().describe('SELECT that returns bad rows; the rows of the file are `file`'),
    severity: severity.default('CRITICAL').describe('What it means when it fails'),
    limit: limit.prefault({}).describe('Rows that may fail before the rule does. Default: none'),
    why: text.optional().describe('For reports: what it means for the business'),
    fix: text.optional().describe('For reports: what to do'),
  })
  .refine(({ condition, query }) => (condition === undefined) !== (query === undefined), {
    error: 'must have a condition or a query, one of the two',
  })

const character = z.string().regex(/^[\t -~]$/, { error: 'must be one character of ASCII: ";", or "\\t" for a tab' })

const format = z
  .union([
    z.enum(['tsv', 'csv', 'parquet']),
    z.strictObject({
      type: z.enum(['tsv', 'csv', 'parquet']).describe('`tsv`: tabs and no quotes; `csv`: commas and double quotes'),
      delimiter: character.optional().describe('Between values'),
      quote: z
        .union([z.literal(false), character])
        .optional()
        .describe('Around values; `false`: quotes mean nothing'),
      escape: character.optional().describe('Before a quote within a value. Default: the quote itself'),
      encoding: z.enum(['utf-8', 'utf-16', 'latin-1']).default('utf-8').describe('Of the text'),
      header: z.boolean().default(true).describe('Whether names of columns stand before the first record'),
      skip_lines: z.int().min(0).max(10_000).default(0).describe('Lines before the header, or before the first record'),
      null: z
        .array(z.string())
        .default([''])
        .describe('Unquoted text that stands for NULL. Between two delimiters nothing is the empty text'),
      decimal: z.enum(['.', ',']).default('.').describe('Before the decimals'),
    }),
  ])
  .default('csv')

const columnNames = z.array(text).refine((names) => new Set(names).size === names.length, {
  error: 'must not name a column twice',
})

export const fileTableOptions = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, {
      error: 'must consist of letters, digits and _, at most 63, no digit first',
    })
    .describe('Of the table: `sales` is `files.sales`'),
  path: text
    .superRefine((path, context) => {
      const problem = patternProblem(path)
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
    })
    .describe(
      'Of the files, relative to this one: `data/sales_{yyyy}-{mm}.tsv.gz`. `{yyyy}`, `{mm}`, `{dd}`, `{q}` say for when a file stands, `{region}` is any text, `*` and `**` as in a shell',
    ),
  format: format.describe('`csv`, `tsv` or `parquet`, or more about it'),
  compression: z.enum(['none', 'gzip', 'zstd']).optional().describe('Default: what the first bytes of each file say'),
  columns: z
    .record(
      text,
      z.union([columnType, columnOptions], { error: `must be ${COLUMN_TYPE_FORM}, or a mapping with type` }),
    )
    .refine((columns) => Object.keys(columns).length > 0, { error: 'must name at least one column' })
    .describe('Column → type, or a mapping with more. In the order of the files'),
  date: text.optional().describe('Column with the day that a row belongs to; of a timestamptz its day in UTC'),
  key: columnNames.min(1).optional().describe('Columns by which rows are recognised. They must be there and unique'),
  write: z
    .enum(['append', 'merge', 'replace'])
    .default('append')
    .describe(
      'Rows are added; merged by key, the later one wins; or take the place of those of the period of their file',
    ),
  rows: z
    .strictObject({
      min: z.int().nonnegative().optional().describe('Fewest rows'),
      max: z.int().nonnegative().optional().describe('Most rows'),
    })
    .refine(someBound, NO_BOUND)
    .refine(inOrder, WRONG_ORDER)
    .optional()
    .describe('How many rows a file has'),
  calendar: text
    .optional()
    .describe('One of `calendars`: on which days there must be rows. Default: this is not checked'),
  sums: columnNames.default([]).describe('Columns whose daily sums are watched besides the rows'),
  bad_rows: limit
    .extend({
      format: z
        .enum(BAD_ROWS_FORMATS)
        .default('tsv')
        .describe('What `files check` and `files load` keep them as, with line, offset and reason: `tsv` or `parquet`'),
    })
    .prefault({})
    .describe('Values and rows that cannot be read: what is more than an exception. Default: none'),
  rules: z.array(rule).default([]).describe('Own rules'),
  target: text.optional().describe('`schema.table` on the destination, in place of what `naming` says'),
  exclude: columnNames.default([]).describe('Columns that are checked but not loaded'),
  freshness: z
    .string()
    .regex(DURATION_PATTERN, { error: `must be ${DURATION_FORM}` })
    .transform(durationMs)
    .optional()
    .describe('How old the final table may be, and so how often it is merged. Default: sync.freshness'),
  cluster_by: columnNames
    .optional()
    .describe('Snowflake: columns by which the final table is clustered, which costs credits of its own'),
})

export type FileTableOptions = z.output<typeof fileTableOptions>
