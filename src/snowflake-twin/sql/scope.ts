/** Names that an expression can see: relations of FROM, aliases of the SELECT list, common tables, and those of the query around it. */
import type { DataType } from './data-type.ts'
import type { StageRows } from './session-context.ts'
import { SnowflakeError } from './snowflake-error.ts'
import { quoted } from './stored-name.ts'
import type { Value } from './value.ts'

export interface ScopeColumn {
  readonly name: string
  /** DuckDB's expression: `t1."ID"`. */
  readonly sql: string
  readonly type: DataType
  readonly nullable: boolean
  /** Always NULL, without a type of its own. */
  readonly untyped?: boolean
  /** Not part of `*`: the second of two columns that USING made one. */
  readonly hidden?: boolean
}

export interface ScopeRelation {
  /** What qualifies its columns: an alias alone, or the parts of a table's name. */
  readonly qualifier: readonly string[]
  readonly columns: readonly ScopeColumn[]
  /** A stage's files, whose columns are `$1:name`. `alias` is DuckDB's. */
  readonly stage?: { readonly rows: StageRows; readonly alias: string }
}

/** A common table, as it can be read. */
export interface CommonRelation {
  readonly from: string
  readonly columns: readonly OutputColumn[]
}

/** A column that a query gives: its Snowflake name and its name in DuckDB. */
export interface OutputColumn {
  readonly name: string
  readonly stored: string
  readonly type: DataType
  readonly nullable: boolean
  /** Always NULL, without a type of its own. */
  readonly untyped?: boolean
}

/** A column as a value; `sql` is how it is named here. */
export function columnValue(column: Pick<OutputColumn, 'type' | 'nullable' | 'untyped'>, sql: string): Value {
  const { type, nullable } = column
  return { sql, type, exact: true, nullable, ...(column.untyped ? { untyped: true } : {}) }
}

export class Scope {
  readonly #parent: Scope | undefined
  relations: readonly ScopeRelation[] = []
  readonly #common = new Map<string, CommonRelation>()
  /** SELECT aliases; they are bound when they are used. */
  readonly #aliases = new Map<string, () => Value>()
  /** ORDER BY looks at aliases before columns. */
  aliasesFirst = false

  constructor(parent: Scope | undefined) {
    this.#parent = parent
  }

  addCommon(name: string, relation: CommonRelation): void {
    this.#common.set(name, relation)
  }

  common(name: string): CommonRelation | undefined {
    return this.#common.get(name) ?? this.#parent?.common(name)
  }

  addAlias(name: string, bind: () => Value): void {
    // The first of two equal aliases is the one that is found.
    if (!this.#aliases.has(name)) this.#aliases.set(name, bind)
  }

  /** Undefined: no such name here or in a query around. Throws 002028 where it is ambiguous. */
  resolve(parts: readonly string[]): Value | undefined {
    const [only] = parts
    const alias = parts.length === 1 && only !== undefined ? this.#aliases.get(only) : undefined
    if (alias !== undefined && this.aliasesFirst) return alias()
    const column = this.#column(parts)
    if (column !== undefined) return column
    if (alias !== undefined) return alias()
    return this.#parent?.resolve(parts)
  }

  /** `$index`, counted over the columns of the only (or the named) relation. */
  relationOf(qualifier: string | undefined): ScopeRelation | undefined {
    if (qualifier === undefined) return this.relations.length === 1 ? this.relations[0] : undefined
    return this.relations.find((relation) => relation.qualifier.at(-1) === qualifier)
  }

  matching(qualifier: readonly string[]): readonly ScopeRelation[] {
    return this.relations.filter((relation) => endsWith(relation.qualifier, qualifier))
  }

  #column(parts: readonly string[]): Value | undefined {
    const name = parts.at(-1) ?? ''
    const qualifier = parts.slice(0, -1)
    const found: ScopeColumn[] = []
    for (const relation of qualifier.length === 0 ? this.relations : this.matching(qualifier)) {
      for (const column of relation.columns) {
        if (column.name !== name) continue
        if (qualifier.length === 0 && column.hidden) continue
        found.push(column)
      }
    }
    if (found.length > 1) {
      throw new SnowflakeError('002028', '42601', `SQL compilation error:\nambiguous column name '${name}'`)
    }
    const [column] = found
    if (column === undefined) return undefined
    return columnValue(column, column.sql)
  }
}

/** Columns of a relation as DuckDB's `alias.column`. */
export function scopeColumns(alias: string, columns: readonly OutputColumn[]): readonly ScopeColumn[] {
  return columns.map(({ stored, ...column }) => ({ ...column, sql: `${alias}.${quoted(stored)}` }))
}

function endsWith(parts: readonly string[], end: readonly string[]): boolean {
  if (end.length === 0 || end.length > parts.length) return false
  return end.every((part, index) => part === parts[parts.length - end.length + index])
}
