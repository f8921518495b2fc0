/** A file set that is followed: what is known of it, and what it looks like. */

import type { FileSet } from '../../core/file-set.ts'
import { invariant } from '../../core/invariant.ts'
import type { Position } from '../../core/position.ts'
import type { StreamTable } from '../../core/source.ts'
import { type Column, type TableId, type TableSchema, tableName } from '../../core/table-schema.ts'
import { emptyToken, type FileToken, parseFileToken, tokenText } from '../../file-sets/file-token.ts'
import { describeSet, followSet } from './set-schema.ts'

export class FollowedSet {
  readonly set: FileSet
  readonly name: string
  readonly startAt: Position
  schema: TableSchema
  token: FileToken
  /** What was told last of a file of it. */
  problem: string | undefined
  /** What the last boundary said. */
  #told: string
  readonly #described: TableSchema

  constructor(set: FileSet, { schema, request, startAt, token }: StreamTable) {
    this.set = set
    this.name = tableName(schema.table)
    this.startAt = startAt
    this.schema = schema
    this.#described = describeSet(set, request.exclude)
    this.token = token === undefined ? emptyToken(0) : parseFileToken(token, this.name)
    this.#told = token ?? ''
  }

  get id(): TableId {
    return this.schema.table
  }

  /** Takes the form that the configuration says; returns what is different, empty for nothing. */
  evolve(): readonly string[] {
    const { schema, lastColumnId, changes } = followSet(this.schema, this.#described, this.token.lastColumnId)
    this.schema = schema
    if (lastColumnId !== this.token.lastColumnId) this.token = { ...this.token, lastColumnId }
    return changes
  }

  /** The text to be recorded; undefined where it is recorded already. */
  newToken(): string | undefined {
    const text = tokenText(this.token)
    if (text === this.#told) return undefined
    this.#told = text
    return text
  }

  /** Undefined where the set has none, or the table leaves it out. */
  get dateColumn(): Column | undefined {
    return this.schema.columns.find(({ name }) => name === this.set.dateColumn)
  }

  /** The column of the table with the values of a column of the set; undefined where it is left out. */
  columnOf(name: string): Column | undefined {
    return this.schema.columns.find((column) => column.name === name)
  }

  requireDateColumn(): Column {
    const column = this.dateColumn
    invariant(column !== undefined, 'a set whose periods are removed has a date column')
    return column
  }
}
