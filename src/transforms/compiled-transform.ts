/** A transform and a schema of the source → what comes out of it, found before the first row. */
import { invariant } from '../core/invariant.ts'
import { type Column, type ColumnType, keyColumns, type TableSchema } from '../core/table-schema.ts'
import type { TableTransform } from '../core/transform.ts'
import { transformError } from './transform-error.ts'
import type { TransformSession } from './transform-session.ts'

/** What is in a batch, as SQL: the rows to transform are the relation, with a number and the columns by name. */
export interface BatchRelation {
  /** `_row`, and `c<id>` for each column of the source's schema. */
  readonly sql: string
}

/** Rows that the transform failed on. */
export interface FailedRow {
  readonly row: bigint
  /** Without values of the row. */
  readonly reason: string
}

export interface OutputColumn {
  readonly column: Column
  /** As SQL: `w.…` of what was written, `b.…` of the batch. */
  readonly value: string
  /** Ids of the columns of the source that it depends on. Undefined: on all of them. */
  readonly dependencies: ReadonlySet<number> | undefined
}

export interface CompiledTransform {
  readonly source: TableSchema
  readonly schema: TableSchema
  readonly outputs: readonly OutputColumn[]
  /** What decides whether a row is left out; as `dependencies`. */
  readonly filter: ReadonlySet<number> | undefined
  /** What is not computed for rows of which nothing that it reads has changed. */
  readonly reads: ReadonlySet<number> | undefined
  /**
   * Fills the temporary table `transform_written`: `_row` of each row that is kept, once, and what `outputs` refer to.
   * With `stop` the first failure is thrown, else failed rows are left out and returned.
   */
  write(
    session: TransformSession,
    batch: BatchRelation,
    onError: TableTransform['onError'],
  ): Promise<readonly FailedRow[]>
}

const WRITTEN_ID_MIN = 1_000_000
const WRITTEN_ID_COUNT = 1_000_000_000

export interface DerivedColumn {
  readonly name: string
  readonly type: ColumnType
  readonly sourceType: string
}

/**
 * The ids of what comes out: a column that is called like one of the source has its id, any other one that its name
 * gives, so that it is the same in every run. Throws where the key does not come out as it went in.
 */
export function outputSchema(
  source: TableSchema,
  transform: TableTransform,
  derived: readonly DerivedColumn[],
): TableSchema {
  const fail = (reason: string) => transformError(source.table, transform.form, reason)
  const columns = derived.map(({ name, type, sourceType }): Column => {
    const same = source.columns.find((column) => column.name === name)
    if (same !== undefined) return { ...withoutMissingValue(same), type, sourceType }
    return { id: idOfName(name), name, type, sourceType, nullable: true }
  })
  const names = new Set<string>()
  const ids = new Set<number>()
  for (const { id, name } of columns) {
    if (names.has(name.toLowerCase())) throw fail(`two of its columns are called "${name}"`)
    invariant(!ids.has(id), `the columns of a transform have ids of their own ("${name}")`)
    names.add(name.toLowerCase())
    ids.add(id)
  }
  for (const key of keyColumns(source)) {
    const found = columns.find((column) => column.id === key.id)
    if (found === undefined) throw fail(`it leaves out "${key.name}", by which rows are recognised`)
    if (JSON.stringify(found.type) !== JSON.stringify(key.type))
      throw fail(`it makes ${found.sourceType} of "${key.name}", by which rows are recognised`)
  }
  return { ...source, columns }
}

/** Rows loaded before a column came with a default are read again, so nothing is to be filled in. */
function withoutMissingValue(column: Column): Column {
  const { missingValue: _, ...rest } = column
  return rest
}

/** FNV-1a over UTF-16 units. */
function idOfName(name: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < name.length; index++) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193) >>> 0
  }
  return WRITTEN_ID_MIN + (hash % WRITTEN_ID_COUNT)
}
