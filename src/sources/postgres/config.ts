/** The configuration of a Postgres source: one definition for parser, JSON Schema and reference page. */
import { z } from 'zod'
import { BYTE_SIZE_FORM, BYTE_SIZE_PATTERN, byteSize } from '../../core/byte-size.ts'
import { COLUMN_TYPE_FORM, parseColumnType } from '../../core/column-type-form.ts'
import { WRITE_MODES } from '../../core/destination.ts'
import { DURATION_FORM, DURATION_PATTERN, durationMs } from '../../core/duration.ts'
import { isPipelineError } from '../../core/errors.ts'
import { connectionSettings, SSL_MODES } from './connection-settings.ts'
import { parseTableName, repeatedEntries, TABLE_NAME_FORM } from './table-selection.ts'

const duration = z
  .string()
  .regex(DURATION_PATTERN, { error: `must be ${DURATION_FORM}` })
  .transform(durationMs)

const size = z
  .union([z.string().regex(BYTE_SIZE_PATTERN, { error: `must be ${BYTE_SIZE_FORM}` }), z.number().int().positive()])
  .transform(byteSize)

const sslMode = z.enum(SSL_MODES)

const ssl = z
  .union([
    sslMode,
    z.strictObject({
      mode: sslMode.optional().describe('As the mode alone'),
      rootcert: z.string().min(1).optional().describe('PEM file of the root certificates, or `system`'),
      cert: z.string().min(1).optional().describe('PEM file of the client certificate'),
      key: z.string().min(1).optional().describe("PEM file of the client certificate's key"),
    }),
  ])
  .describe('TLS as libpq does it: a mode (`prefer` where nothing is said), or a mode with certificate files')

const tableName = z
  .string()
  .refine((text) => parseTableName(text) !== undefined, { error: `must be ${TABLE_NAME_FORM}` })

const columnType = z.string().transform((text, context) => {
  const type = parseColumnType(text)
  if (type !== undefined) return type
  context.addIssue({ code: 'custom', message: `must be ${COLUMN_TYPE_FORM}` })
  return z.NEVER
})

const columnNames = z
  .array(z.string().min(1))
  .refine((names) => new Set(names).size === names.length, { error: 'must not name a column twice' })

/** A module begins like a path; anything else is SQL. */
const transform = z
  .string()
  .trim()
  .min(1)
  .refine((text) => !isModulePath(text) || /\.[cm]?[jt]s(#[A-Za-z_$][\w$]*)?$/.test(text), {
    error: 'must name a module such as ./transforms/orders.ts, or one of its exports: ./transforms/orders.ts#paid',
  })
  .refine((text) => isModulePath(text) || /^(?:\s|--.*\n|\/\*[\s\S]*?\*\/)*(?:select|with|from|\()/i.test(text), {
    error: 'must be a SELECT over batch, or the path of a module, which begins with ./ or /',
  })

function isModulePath(text: string): boolean {
  return /^(?:\.{0,2}\/)/.test(text)
}

/** As often as deletes are looked for where nothing but `on` is said: an hour, since each time all keys are read. */
const DETECT_DELETES_MS = 3_600_000

const detectDeletes = z
  .union([
    z.boolean(),
    z.enum(['on', 'off']),
    z.string().regex(DURATION_PATTERN, { error: `must be on, off or ${DURATION_FORM}` }),
  ])
  .transform((value) => {
    if (value === 'off' || value === false) return undefined
    return value === 'on' || value === true ? DETECT_DELETES_MS : durationMs(value)
  })

const tableOptions = z
  .strictObject({
    name: tableName.describe(
      '`schema.table`; `schema.*` means all tables of a schema. Quote names with dots: `"my.schema".orders`',
    ),
    target: z
      .string()
      .min(1)
      .optional()
      .describe(
        '`schema.table` on the destination, in place of what `naming` says; on Snowflake also `database.schema.table`',
      ),
    key: columnNames
      .min(1, { error: 'must name at least one column' })
      .optional()
      .describe(
        'Columns by which rows are recognised, for a table without a usable primary key: a unique index must have them, and the replica identity carry them',
      ),
    exclude: columnNames.default([]).describe('Columns that are left out'),
    types: z
      .record(z.string().min(1), columnType)
      .default({})
      .describe('Column → type to use in place of the derived one: `{ amount: decimal(38,9) }`'),
    transform: transform
      .optional()
      .describe(
        'What rows become before they are loaded: a SELECT over `batch`, asked row by row, or a module: `./transforms/orders.ts`',
      ),
    on_transform_error: z
      .enum(['stop', 'continue'])
      .default('stop')
      .describe('Where a transform fails: stop the table before the rows, or quarantine them and go on'),
    cursor: z
      .union([z.literal(false), z.string().min(1)])
      .optional()
      .describe(
        'Polling: a column whose values rise with each change, indexed: a timestamp, date or whole number. Default: an updated_at, modified_at, updated_timestamp or last_modified. `false`: none, each poll looks at the whole table',
      ),
    null_cursor: z
      .enum(['include', 'ignore', 'error'])
      .default('include')
      .describe('Polling: rows whose cursor is NULL are followed, left out, or stop the table'),
    soft_delete_column: z
      .string()
      .min(1)
      .optional()
      .describe('Polling: a row is deleted where this column is true, or a time (`deleted_at`)'),
    detect_deletes: detectDeletes
      .optional()
      .describe('Polling: how often all keys are compared to find deleted rows: `1h`. `on`: 1h. Default: off'),
    freshness: duration
      .optional()
      .describe(
        'How old the final table may be, and so how often it is merged: `15m` merges it at :00, :15, :30 and :45, together with all tables of that freshness. Default: sync.freshness',
      ),
    write: z
      .enum(WRITE_MODES)
      .default('merge')
      .describe(
        'What the final table has: the current state (`merge`), every change as a row (`append`), or every version of a row with its start and end (`history`)',
      ),
    hard_delete: z
      .boolean()
      .default(false)
      .describe('Remove deleted rows in place of marking them (only `write: merge`)'),
    cluster_by: columnNames
      .optional()
      .describe(
        'Snowflake: columns by which the final table is clustered, which costs credits of its own. `[]` ends it. Default: whatever key the table has stays',
      ),
    schema_changes: z
      .enum(['evolve', 'freeze', 'discard'])
      .default('evolve')
      .describe('A changed column that cannot be widened: a new column beside it, stop the table, or leave it out'),
  })
  .superRefine(({ key, exclude, write, hard_delete }, context) => {
    if (hard_delete && write !== 'merge') {
      const message = `must be left out with write: ${write}, where a delete is a row or the end of one`
      context.addIssue({ code: 'custom', path: ['hard_delete'], message })
    }
    for (const [index, name] of exclude.entries()) {
      if (key?.includes(name) !== true) continue
      context.addIssue({
        code: 'custom',
        path: ['exclude', index],
        message: `must not name "${name}", which is in the key`,
      })
    }
  })

const table = z
  .union([tableName.transform((name) => tableOptions.parse({ name })), tableOptions])
  .describe('A name, or a name with options')

export const postgresSourceSchema = z
  .strictObject({
    type: z.literal('postgres').describe('A PostgreSQL database'),
    url: z
      .string()
      .min(1)
      .optional()
      .describe('Connection string as libpq takes it: postgres://user:password@host:5432/database?sslmode=require'),
    host: z.string().min(1).optional().describe('Name, address, or the folder of a Unix socket. Default: localhost'),
    port: z.number().int().min(1).max(65535).optional().describe('Default: 5432'),
    database: z.string().min(1).optional().describe('Default: the name of the user'),
    user: z.string().min(1).optional().describe('Needed here or in `url`'),
    password: z.string().min(1).optional().describe('Better in `url` or here as `${VARIABLE}` than in the file'),
    ssl: ssl.optional(),
    mode: z
      .enum(['auto', 'cdc', 'polling'])
      .default('auto')
      .describe(
        'How changes are read: from the log (`cdc`), or by asking for them (`polling`). `auto`: from the log where that is possible when the source is first read',
      ),
    interval: duration.optional().describe('Polling: how often tables are asked for changes. Default: sync.interval'),
    late_arrivals: duration
      .optional()
      .describe(
        'Polling: how late a row may become visible after others with a larger cursor. Default: 10s; 10m where open transactions cannot be seen (standbys)',
      ),
    slot: z
      .string()
      .regex(/^[a-z0-9_]{1,63}$/, { error: 'must consist of lower-case letters, digits and _, at most 63 of them' })
      .optional()
      .describe('Replication slot. Default: simplyload_<source>'),
    publication: z.string().min(1).max(56).optional().describe('Publication. Default: simplyload_<source>'),
    failover: z
      .boolean()
      .default(false)
      .describe('PostgreSQL 17 and later: the slot survives a failover to a synchronized standby'),
    connect_timeout: duration.optional().describe('Default: 15s'),
    statement_timeout: duration.prefault('5m').describe('For statements on the catalog; reading rows has no limit'),
    slot_timeout: duration.prefault('1m').describe('How long to wait for open transactions when a slot is made'),
    snapshot: z
      .strictObject({
        chunk_bytes: size
          .optional()
          .describe(
            'Size of the parts in which a table is read. Default: 64MiB; for Snowflake up to 1GiB of large tables',
          ),
      })
      .prefault({})
      .describe('The first full read'),
    tables: z.array(table).min(1).describe('Tables to copy'),
  })
  .superRefine((source, context) => {
    for (const { index, first } of repeatedEntries(source.tables)) {
      const message = `must be left out: tables[${first}] is the same`
      context.addIssue({ code: 'custom', path: ['tables', index], message })
    }
    try {
      connectionSettings({ ...source, connect_timeout: undefined, statement_timeout: undefined })
    } catch (error) {
      if (!isPipelineError(error)) throw error
      const reason = error.cause instanceof Error ? error.cause.message : error.message
      context.addIssue({
        code: 'custom',
        path: source.url === undefined ? [] : ['url'],
        message: `${reason}. ${error.hint}`,
      })
    }
  })

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

/** Durations in milliseconds, sizes in bytes. */
export type PostgresSourceConfig = DeepReadonly<z.output<typeof postgresSourceSchema>>
export type PostgresTableConfig = PostgresSourceConfig['tables'][number]
