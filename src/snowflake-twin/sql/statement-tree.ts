/** Statements as a tree; names are not resolved yet. */
import type { DataType } from './data-type.ts'
import type { ColumnChange, DropPlan, TableConstraint, WarehouseAction } from './plan.ts'
import type { Options } from './session-context.ts'
import type { Expression, FormatText, Query, StageText, TableReference } from './syntax-tree.ts'

export type Statement =
  | { readonly type: 'query'; readonly query: Query }
  | InsertStatement
  | UpdateStatement
  | DeleteStatement
  | MergeStatement
  | CopyStatement
  | { readonly type: 'transaction'; readonly action: 'begin' | 'commit' | 'rollback' }
  | {
      readonly type: 'use'
      readonly what: 'database' | 'schema' | 'warehouse' | 'role' | 'secondary_roles' | undefined
      readonly parts: readonly string[]
    }
  | { readonly type: 'set_parameters'; readonly set: ReadonlyMap<string, string>; readonly unset: readonly string[] }
  | {
      readonly type: 'set_variables'
      readonly names: readonly string[]
      readonly values: readonly Expression[]
      readonly unset: readonly string[]
    }
  | {
      readonly type: 'put' | 'get'
      readonly localPath: string
      readonly location: StageText
      readonly options: Options
    }
  | { readonly type: 'list' | 'remove'; readonly location: StageText; readonly pattern: string | undefined }
  | ShowStatement
  | { readonly type: 'describe'; readonly what: string; readonly parts: readonly string[] }
  | CreateStatement
  | AlterStatement
  | {
      readonly type: 'drop'
      readonly undrop: boolean
      readonly what: DropPlan['what']
      readonly parts: readonly string[]
      readonly ifExists: boolean
      readonly cascade: boolean
    }
  | { readonly type: 'truncate'; readonly ifExists: boolean; readonly parts: readonly string[] }
  | {
      readonly type: 'grant'
      readonly revoke: boolean
      readonly privileges: readonly string[]
      readonly on:
        | { readonly what: string; readonly parts: readonly string[]; readonly all: 'ALL' | 'FUTURE' | undefined }
        | undefined
      readonly role: string | undefined
      readonly to: { readonly what: 'ROLE' | 'USER'; readonly name: string }
      readonly grantOption: boolean
    }
  | {
      readonly type: 'comment'
      readonly ifExists: boolean
      readonly what: string
      readonly parts: readonly string[]
      readonly comment: string
    }
  | { readonly type: 'explain'; readonly statement: Statement }

export interface InsertStatement {
  readonly type: 'insert'
  readonly overwrite: boolean
  readonly table: readonly string[]
  readonly columns: readonly string[] | undefined
  /** In VALUES, undefined stands for DEFAULT. */
  readonly source: Query | readonly (readonly (Expression | undefined)[])[]
}

export interface Assignment {
  /** Without its table's name. */
  readonly column: string
  /** Undefined: DEFAULT. */
  readonly value: Expression | undefined
}

export interface UpdateStatement {
  readonly type: 'update'
  readonly table: readonly string[]
  readonly alias: string | undefined
  readonly assignments: readonly Assignment[]
  readonly from: TableReference | undefined
  readonly where: Expression | undefined
}

export interface DeleteStatement {
  readonly type: 'delete'
  readonly table: readonly string[]
  readonly alias: string | undefined
  readonly using: TableReference | undefined
  readonly where: Expression | undefined
}

export interface MergeStatement {
  readonly type: 'merge'
  readonly table: readonly string[]
  readonly alias: string | undefined
  readonly source: TableReference
  readonly on: Expression
  readonly clauses: readonly MergeClause[]
}

export type MergeClause = { readonly condition: Expression | undefined } & (
  | { readonly action: 'update'; readonly assignments: readonly Assignment[] | 'by name' }
  | { readonly action: 'delete' }
  | {
      readonly action: 'insert'
      readonly columns: readonly string[] | undefined
      readonly values: readonly (Expression | undefined)[] | 'by name'
    }
)

export interface CopyStatement {
  readonly type: 'copy'
  readonly table: readonly string[]
  readonly columns: readonly string[] | undefined
  readonly location: StageText
  /** COPY … FROM (SELECT …): the query over the stage. */
  readonly query: Query | undefined
  readonly files: readonly string[] | undefined
  readonly pattern: string | undefined
  readonly format: FormatText
  readonly options: Options
}

export interface ShowStatement {
  readonly type: 'show'
  readonly objects: string
  readonly terse: boolean
  readonly history: boolean
  readonly like: string | undefined
  readonly scope: { readonly what: string; readonly parts: readonly string[] } | undefined
  readonly startsWith: string | undefined
  readonly limit: number | undefined
  readonly limitFrom: string | undefined
}

export interface ColumnText {
  readonly name: string
  /** Undefined only where a query gives the type (CREATE TABLE … AS). */
  readonly type: DataType | undefined
  readonly nullable: boolean
  readonly default: { readonly text: string; readonly expression: Expression } | undefined
  readonly identity: { readonly start: bigint; readonly step: bigint } | undefined
  readonly comment: string | undefined
}

export type CreateStatement = {
  readonly type: 'create'
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly parts: readonly string[]
  readonly comment: string | undefined
  readonly options: Options
} & (
  | {
      readonly what: 'database' | 'schema'
      readonly transient: boolean
      readonly clone: readonly string[] | undefined
    }
  | {
      readonly what: 'table'
      readonly durability: 'permanent' | 'transient' | 'temporary'
      readonly columns: readonly ColumnText[] | undefined
      readonly constraints: readonly TableConstraint[]
      readonly clusterBy: string | undefined
      readonly as: Query | undefined
      readonly like: readonly string[] | undefined
      readonly clone: readonly string[] | undefined
      readonly copyGrants: boolean
    }
  | {
      readonly what: 'view'
      readonly columns: readonly { readonly name: string; readonly comment: string | undefined }[] | undefined
      readonly query: Query
      readonly secure: boolean
    }
  | { readonly what: 'stage'; readonly temporary: boolean }
  | { readonly what: 'file_format' }
  | { readonly what: 'sequence'; readonly start: bigint; readonly step: bigint }
  | { readonly what: 'warehouse' | 'role' | 'user' | 'integration' | 'resource_monitor' | 'network_policy' }
)

export type TableActionText =
  | { readonly type: 'rename' | 'swap'; readonly parts: readonly string[] }
  | { readonly type: 'add_columns'; readonly ifNotExists: boolean; readonly columns: readonly ColumnText[] }
  | { readonly type: 'drop_columns'; readonly ifExists: boolean; readonly names: readonly string[] }
  | { readonly type: 'rename_column'; readonly from: string; readonly to: string }
  | { readonly type: 'alter_columns'; readonly changes: readonly ColumnChange[] }
  | { readonly type: 'cluster_by'; readonly expression: string | undefined }
  | { readonly type: 'recluster'; readonly resume: boolean }
  | { readonly type: 'set'; readonly options: Options }
  | { readonly type: 'unset'; readonly names: readonly string[] }
  | { readonly type: 'add_constraint'; readonly constraint: TableConstraint }
  | {
      readonly type: 'drop_constraint'
      readonly constraint: TableConstraint['type'] | 'CONSTRAINT'
      readonly name: string | undefined
    }

export type AlterStatement = {
  readonly type: 'alter'
  readonly ifExists: boolean
  readonly parts: readonly string[]
} & (
  | { readonly what: 'table'; readonly action: TableActionText }
  | { readonly what: 'warehouse'; readonly action: WarehouseAction }
  | {
      readonly what: 'database' | 'schema' | 'view' | 'stage' | 'file_format' | 'user' | 'role'
      readonly action:
        | { readonly type: 'rename'; readonly to: readonly string[] }
        | { readonly type: 'set'; readonly options: Options }
        | { readonly type: 'unset'; readonly names: readonly string[] }
    }
)
