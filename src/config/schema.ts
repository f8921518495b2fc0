/**
 * The whole of `simplyload.yaml`: one definition for parser, types, JSON Schema and reference page.
 *
 * For connectors' schemas (`config.ts` in their rooms), so that messages and pages come out alike:
 * - `import { z } from 'zod'`. `zod/mini` was tried: unbundled it saves 6 of 45 ms, in the bundle 1 of 12, and reads worse.
 * - Custom messages complete the sentence "sync.interval …": `must be a duration such as 10s`.
 * - A default that a transform follows is a `.prefault('10s')`, as people would write it; else a `.default(4)`.
 * - Every key has a `.describe()`: what it does, not what it is called. The `type` describes the connector.
 * - Durations: `z.string(message).regex(DURATION_PATTERN, message).transform(durationMs)`, sizes likewise; a `.refine()`
 *   stands after the transform, since checks go on after a pattern that did not match. The results carry their unit.
 */
import { z } from 'zod'
import { BYTE_SIZE_FORM, BYTE_SIZE_PATTERN, byteSize } from '../core/byte-size.ts'
import { DURATION_FORM, DURATION_PATTERN, durationMs } from '../core/duration.ts'
import { type CalendarKeys, calendarProblems, calendars } from './calendars.ts'
import { type ClusterKeys, clusterProblems } from './cluster-by.ts'
import { type FreshnessKeys, type FreshnessRange, freshnessProblems } from './freshness.ts'
import { type DatabaseKeys, databaseProblems, NAMING_DEFAULT, namingProblem, parseNaming } from './naming.ts'
import { reports } from './reports.ts'

export const CONFIG_VERSION = 1

/** Also a part of schema names, slot names, paths and environment variables, so it has only what all of them take. */
export const SOURCE_NAME_PATTERN = /^[a-z][a-z0-9_]{0,39}$/
const SOURCE_NAME_FORM = 'lower-case letters, digits and _, beginning with a letter, at most 40'

const duration = z
  .string(`must be ${DURATION_FORM}`)
  .regex(DURATION_PATTERN, `must be ${DURATION_FORM}`)
  // What follows a transform is asked only about values that the pattern has let through.
  .transform(durationMs)

const size = z
  .union(
    [z.int().nonnegative(), z.string().regex(BYTE_SIZE_PATTERN, `must be ${BYTE_SIZE_FORM}`)],
    `must be ${BYTE_SIZE_FORM}`,
  )
  .transform(byteSize)

const sync = z
  .strictObject({
    interval: duration
      .refine((ms) => ms >= 50, 'must be at least 50ms')
      // Seldom enough for files worth reading, often enough that nobody waits.
      .prefault('10s')
      .describe('How often changes are flushed from the source to the stage.'),
    freshness: duration
      .optional()
      .describe(
        'How old final tables may be, and so how often they are merged: at multiples of it on the clock, where it is longer than the interval. Default: what suits the destination.',
      ),
    batch: z
      .strictObject({
        rows: z.int().min(1).max(10_000_000).default(100_000).describe('Most rows of a batch.'),
        bytes: size
          .refine((bytes) => bytes >= 1 << 20, 'must be at least 1MiB')
          // Of raw values: about 20 MiB of Parquet, and two of them per table in hand fit the default memory.
          .prefault('64MiB')
          .describe('Most bytes of a batch in memory, before compression.'),
      })
      .prefault({})
      .describe('A batch ends when one of the two is reached.'),
    parallelism: z
      .int()
      .min(1)
      .max(64)
      // A small server has two to four cores, and the source shares them.
      .default(4)
      .describe('Connections that read the snapshot of a source at the same time.'),
    memory: size
      .refine((bytes) => bytes >= 64 << 20, 'must be at least 64MiB')
      .prefault('512MiB')
      .describe(
        'Bound on rows held in memory by one run, whatever the size of a transaction. Beyond it they go to disk.',
      ),
  })
  .transform(({ interval, freshness, batch, parallelism, memory }) => ({
    intervalMs: interval,
    /** Absent: the destination's own default. */
    freshnessMs: freshness,
    batchRowsMax: batch.rows,
    batchBytesMax: batch.bytes,
    parallelism,
    memoryBytesMax: memory,
  }))

const naming = z
  .string()
  .transform((text, context) => {
    const problem = namingProblem(text)
    if (problem === undefined) return parseNaming(text)
    context.addIssue({ code: 'custom', message: problem })
    return z.NEVER
  })
  .prefault(NAMING_DEFAULT)
  .describe(
    'Schema and table on the destination; on Snowflake also `database.schema.table`. Placeholders: `{source}`, `{namespace}`, `{table}`. Two tables of one name are an error.',
  )

const columnName = z.string().min(1).max(63)

const columns = z
  .strictObject({
    // The names that existing dbt packages expect.
    synced: columnName.default('_fivetran_synced').describe('When the row was loaded, UTC.'),
    deleted: columnName.default('_fivetran_deleted').describe('True once the row was deleted at the source.'),
  })
  .refine(
    ({ synced, deleted }) => new Set([synced.toLowerCase(), deleted.toLowerCase(), '_source_position']).size === 3,
    'must be two names that differ from each other and from _source_position, also in lower case',
  )
  .prefault({})
  .describe('Names of the columns that each final table has besides its own.')

type ConnectorSchema = z.core.$ZodTypeDiscriminable
type ConnectorSchemaList = readonly [ConnectorSchema, ...ConnectorSchema[]]

/** Of each kind the schemas of all connectors. Where a file names no stage or state it gets the first, with defaults. */
export interface ConnectorSchemas<
  Sources extends ConnectorSchemaList,
  Destinations extends ConnectorSchemaList,
  Stages extends ConnectorSchemaList,
  States extends ConnectorSchemaList,
> {
  readonly sources: Sources
  readonly destinations: Destinations
  readonly stages: Stages
  readonly states: States
  /** By type of destination. Absent: any duration from the interval up. */
  readonly freshness?: Readonly<Record<string, FreshnessRange>>
  /** Types of destinations that cluster tables. */
  readonly clustering?: readonly string[]
  /** Types of destinations that have several databases. */
  readonly databases?: readonly string[]
}

export function configSchema<
  const Sources extends ConnectorSchemaList,
  const Destinations extends ConnectorSchemaList,
  const Stages extends ConnectorSchemaList,
  const States extends ConnectorSchemaList,
>(connectors: ConnectorSchemas<Sources, Destinations, Stages, States>) {
  const source = z.discriminatedUnion('type', connectors.sources)
  const sourceName = z.string().regex(SOURCE_NAME_PATTERN, `must consist of ${SOURCE_NAME_FORM}`)
  const stage = z.discriminatedUnion('type', connectors.stages)
  const state = z.discriminatedUnion('type', connectors.states)
  return z
    .strictObject({
      version: z
        .literal(CONFIG_VERSION, `must be ${CONFIG_VERSION}, the version of this form of the file`)
        .describe('Version of the form of this file.'),
      sources: z
        .record(sourceName, source)
        .refine((record) => Object.keys(record).length > 0, 'must name at least one source')
        .describe(`Where rows come from. The keys are names of your choice: ${SOURCE_NAME_FORM}.`),
      destination: z.discriminatedUnion('type', connectors.destinations).describe('Where tables live.'),
      stage: stage
        .prefault({ type: onlyType(connectors.stages[0]) } as z.input<typeof stage>)
        .describe('Where Parquet files rest between source and destination.'),
      state: state
        .prefault({ type: onlyType(connectors.states[0]) } as z.input<typeof state>)
        .describe('Where progress, runs and errors are remembered.'),
      sync: sync.prefault({}).describe('How much at once and how often.'),
      naming,
      columns,
      calendars,
      reports,
      customer: z
        .string()
        .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must consist of lower-case letters, digits, _ and -, at most 63')
        .default('default')
        .describe('First part of the paths of stage files, for those who load for several customers.'),
    })
    .superRefine((config, context) => {
      // What a source has besides is known to its own schema.
      const keys = config as unknown as FreshnessKeys & ClusterKeys & DatabaseKeys & CalendarKeys
      for (const { path, message } of freshnessProblems(keys, connectors.freshness?.[keys.destination.type]))
        context.addIssue({ code: 'custom', path: [...path], message })
      for (const { path, message } of calendarProblems(keys))
        context.addIssue({ code: 'custom', path: [...path], message })
      for (const { path, message } of clusterProblems(keys, keys.destination.type, connectors.clustering ?? []))
        context.addIssue({ code: 'custom', path: [...path], message })
      for (const { path, message } of databaseProblems(keys, keys.destination.type, connectors.databases ?? []))
        context.addIssue({ code: 'custom', path: [...path], message })
    })
    .readonly()
}

/** The value that a connector's schema has for `type`. */
function onlyType(schema: ConnectorSchema): string {
  const [type] = schema._zod.propValues?.type ?? []
  return String(type)
}
