/**
 * What a stream's events amount to: tables by key, as a destination would have them after each boundary. It holds the
 * stream to its promises on the way: order of positions, nothing past a boundary, schemas that only go forward.
 */
import { expect } from 'vitest'
import type { Batch } from '../../src/core/batch.ts'
import { dataColumn, oldKeyColumn, SYSTEM_COLUMNS } from '../../src/core/batch.ts'
import { boundary, type Position, position } from '../../src/core/position.ts'
import type { StreamEvent } from '../../src/core/source.ts'
import { type TableSchema, tableName } from '../../src/core/table-schema.ts'
import type { TestDatabase } from './postgres.ts'
import { vectorValues } from './vector-values.ts'

/** As SQL's `::text` would have it: whole numbers, booleans and text as text. */
export type Value = string | null

type SchemaEvent = Extract<StreamEvent, { kind: 'schema' }>

interface Change {
  readonly kind: 'change'
  readonly schema: TableSchema
  readonly at: Position
  readonly row: Record<string, Value>
}

interface Waiting {
  readonly schema: TableSchema
  readonly ordinal: number
  readonly row: Record<string, Value>
}

type Row = Record<string, Value>

export class StreamReplica {
  /** Table → key as JSON → row by name of the stage column. */
  readonly tables = new Map<string, Map<string, Row>>()
  readonly schemas = new Map<string, TableSchema>()
  readonly events: StreamEvent['kind'][] = []
  readonly schemaChanges: string[] = []
  readonly failures: Extract<StreamEvent, { kind: 'table-failed' }>[] = []
  lastBoundary: Extract<StreamEvent, { kind: 'boundary' }> | undefined
  /** Rows that were yielded, per position: twice is an error. */
  applied = 0
  /** Positions of the changes that counted, in order, by table. */
  readonly positions = new Map<string, Position[]>()
  readonly transactionsInProgress = new Set<number>()
  /** Tables of which rows were rewritten without a change: a destination reads them again. */
  readonly rewritten = new Set<string>()
  readonly #pending: (Change | SchemaEvent)[] = []
  readonly #waiting = new Map<number, Waiting[]>()
  /** Last position by table. */
  readonly #last = new Map<string, Position>()

  take(event: StreamEvent): void {
    this.events.push(event.kind)
    switch (event.kind) {
      case 'changes':
        this.#checkSchema(event.batch)
        for (const row of batchRows(event.batch)) {
          const at = row[SYSTEM_COLUMNS.position] as Position
          this.#pending.push({ kind: 'change', schema: event.batch.schema, at, row })
        }
        expect(this.#pending.at(-event.batch.rows)).toMatchObject({ at: event.batch.firstPosition })
        expect(this.#pending.at(-1)).toMatchObject({ at: event.batch.lastPosition })
        return
      case 'in-progress': {
        this.#checkSchema(event.batch)
        this.transactionsInProgress.add(event.batch.transaction)
        const list = this.#waiting.get(event.batch.transaction) ?? []
        this.#waiting.set(event.batch.transaction, list)
        for (const [index, row] of batchRows(event.batch).entries()) {
          list.push({ schema: event.batch.schema, ordinal: event.batch.ordinals[index]!, row })
        }
        return
      }
      case 'transaction-aborted':
        expect(this.#waiting.delete(event.transaction)).toBe(true)
        return
      case 'transaction-committed':
        this.#commit(event)
        return
      case 'schema':
        this.schemaChanges.push(...event.changes)
        this.schemas.set(tableName(event.schema.table), event.schema)
        if (event.rewritten) this.rewritten.add(tableName(event.schema.table))
        this.#pending.push(event)
        return
      case 'boundary':
        this.#flush(event)
        return
      case 'table-failed':
        this.failures.push(event)
    }
  }

  /** Rows by column name, in no order that means anything. */
  rows(table: string): Row[] {
    const columns = this.schemas.get(table)?.columns ?? []
    return sortRows(
      [...(this.tables.get(table)?.values() ?? [])].map((row) =>
        Object.fromEntries(columns.map((column) => [column.name, row[dataColumn(column.id)] ?? null])),
      ),
    )
  }

  #checkSchema(batch: Batch): void {
    const name = tableName(batch.schema.table)
    const known = this.schemas.get(name)
    if (known !== undefined) expect(batch.schema.version).toBe(known.version)
    this.schemas.set(name, batch.schema)
  }

  #commit(event: Extract<StreamEvent, { kind: 'transaction-committed' }>): void {
    const rows = this.#waiting.get(event.transaction)
    expect(rows).toBeDefined()
    this.#waiting.delete(event.transaction)
    const excluded = new Set(event.excluded.map(tableName))
    for (const { schema, ordinal, row } of rows ?? []) {
      let before = 0
      let aborted = false
      for (let index = 0; index < event.aborted.length; index += 2) {
        const [first, last] = [event.aborted[index]!, event.aborted[index + 1]!]
        if (ordinal > last) before += last - first + 1
        else if (ordinal >= first) aborted = true
      }
      if (aborted || excluded.has(tableName(schema.table))) continue
      this.#pending.push({ kind: 'change', schema, at: position(event.generation, event.lsn, ordinal - before), row })
    }
  }

  #flush(event: Extract<StreamEvent, { kind: 'boundary' }>): void {
    expect(event.through).toBe(boundary(Number.parseInt(event.through.slice(0, 4), 16), event.lsn))
    if (this.lastBoundary !== undefined) expect(event.through >= this.lastBoundary.through).toBe(true)
    for (const change of this.#pending.splice(0)) {
      if (change.kind === 'schema') {
        this.#fill(change)
        continue
      }
      expect(change.at < event.through).toBe(true)
      if (this.lastBoundary !== undefined) expect(change.at >= this.lastBoundary.through).toBe(true)
      this.#apply(change)
    }
    this.lastBoundary = event
  }

  /** Rows from before a column was added have its missing value. */
  #fill({ schema }: SchemaEvent): void {
    for (const row of this.tables.get(tableName(schema.table))?.values() ?? []) {
      for (const column of schema.columns) row[dataColumn(column.id)] ??= column.missingValue ?? null
    }
  }

  #apply({ schema, at, row }: Change): void {
    const name = tableName(schema.table)
    const last = this.#last.get(name)
    // Truncates of several tables have a position each; within a table none repeats.
    if (last !== undefined) expect(at > last).toBe(true)
    this.#last.set(name, at)
    this.applied++
    const positions = this.positions.get(name) ?? []
    this.positions.set(name, positions)
    positions.push(at)
    const table = this.tables.get(name) ?? new Map<string, Row>()
    this.tables.set(name, table)
    const identity = schema.identity
    const operation = row[SYSTEM_COLUMNS.op]
    if (operation === 't') {
      table.clear()
      return
    }
    const ids = identity.kind === 'key' ? identity.columnIds : schema.columns.map((column) => column.id)
    const key = identity.kind === 'append' ? at : keyOf(ids.map((id) => row[dataColumn(id)] ?? null))
    const oldIds = identity.kind === 'key' ? identity.columnIds.map((id) => row[oldKeyColumn(id)] ?? null) : []
    const oldKey = oldIds.some((value) => value !== null) ? keyOf(oldIds) : key
    if (operation === 'd') {
      table.delete(key)
      return
    }
    const unchanged = String(row[SYSTEM_COLUMNS.unchanged] ?? '')
    const base = table.get(oldKey) ?? {}
    if (operation === 'u') table.delete(oldKey)
    const next: Row = {}
    for (const column of schema.columns) {
      const name = dataColumn(column.id)
      next[name] = (unchanged.includes(`,${column.id},`) ? base[name] : row[name]) ?? null
    }
    table.set(key, next)
  }
}

function keyOf(values: readonly Value[]): string {
  return JSON.stringify(values)
}

/** Rows as objects, by the name of the stage column. */
export function batchRows(batch: Batch): Row[] {
  const rows = Array.from({ length: batch.rows }, (): Row => ({}))
  for (const vector of batch.vectors) {
    for (const [index, value] of vectorValues(vector).entries()) {
      rows[index]![vector.name] = value === null ? null : Buffer.isBuffer(value) ? value.toString('hex') : String(value)
    }
  }
  return rows
}

/** What SQL has, in the same form and order. */
export async function sqlRows(database: TestDatabase, table: string): Promise<Row[]> {
  const columns = await database.query<{ name: string }>(
    'SELECT quote_ident(attname) AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped',
    [table],
  )
  const list = columns.map(({ name }) => `${name}::text`)
  return sortRows(await database.query<Row>(`SELECT ${list.join(', ')} FROM ${table}`))
}

function sortRows(rows: Row[]): Row[] {
  const keyed = rows.map((row) => ({ key: JSON.stringify(row, Object.keys(row).sort()), row }))
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ row }) => row)
}
