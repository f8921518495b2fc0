/**
 * What a Snowflake statement is to the twin: {@link Plan}. The translator resolves names, types and expressions and writes DuckDB's SQL; the server
 * executes, owns the catalog (it says whether objects exist already, applies IF EXISTS and OR REPLACE) and answers the client.
 */
import type { DataType } from './data-type.ts'
import type { ObjectName, Options, Relation, StageLocation, StageRead, StageRows } from './session-context.ts'
import type { SnowflakeError } from './snowflake-error.ts'

export type Plan =
  | QueryPlan
  | DmlPlan
  | CopyPlan
  | TransactionPlan
  | UsePlan
  | SetParametersPlan
  | SetVariablesPlan
  | FilePlan
  | ShowPlan
  | DescribePlan
  | CreatePlan
  | AlterPlan
  | DropPlan
  | TruncatePlan
  | GrantPlan
  | CommentPlan
  | ExplainPlan

export interface ResultColumn {
  readonly name: string
  readonly type: DataType
  readonly nullable: boolean
}

/** The DuckDB columns of `sql` are `columns` by ordinal (their DuckDB names mean nothing); each has `storedType(type)`. */
export interface QueryPlan {
  readonly kind: 'query'
  readonly sql: string
  readonly columns: readonly ResultColumn[]
  /** Tables and views that it reads; empty for `SELECT 1`, which needs no warehouse. */
  readonly reads: readonly Relation[]
}

export type CountName = 'inserted' | 'updated' | 'deleted' | 'multi_joined'

/** Run in order, in one transaction; a failure undoes the statement alone (Snowflake's transaction goes on). */
export interface DmlStep {
  readonly sql: string
  /** The rows that DuckDB reports as changed are counted here. */
  readonly counts?: CountName
  /** `sql` is a query: if it gives a row, the statement fails with this. */
  readonly refuse?: SnowflakeError
}

export interface DmlPlan {
  readonly kind: 'dml'
  readonly verb: 'insert' | 'update' | 'delete' | 'merge'
  readonly target: Relation
  readonly reads: readonly Relation[]
  /** UPDATE, DELETE and MERGE lock their table until the transaction ends; INSERT does not. INSERT OVERWRITE does. */
  readonly locks: boolean
  readonly steps: readonly DmlStep[]
  /** DuckDB statements that clear away what the steps made; run also after a failure. */
  readonly cleanup: readonly string[]
  /** The result's columns in order: `number of rows inserted`, …; one row of counts. */
  readonly counts: readonly CountName[]
}

/** COPY INTO <table>. The server chooses the files (load metadata, FORCE, pattern), opens them and asks for the INSERT. */
export interface CopyPlan {
  readonly kind: 'copy'
  readonly target: Relation
  readonly source: StageRead
  /** FORCE, ON_ERROR, PURGE, LOAD_UNCERTAIN_FILES, VALIDATION_MODE, SIZE_LIMIT, MATCH_BY_COLUMN_NAME, … */
  readonly options: Options
  /** True for COPY … FROM (SELECT …). */
  readonly transforms: boolean
  /** DuckDB's INSERT of these rows into the target. Throws SnowflakeError. */
  insert(rows: StageRows): string
}

export interface TransactionPlan {
  readonly kind: 'transaction'
  readonly action: 'begin' | 'commit' | 'rollback'
}

export interface UsePlan {
  readonly kind: 'use'
  readonly what: 'database' | 'schema' | 'warehouse' | 'role' | 'secondary_roles'
  readonly name: string
  /** USE SCHEMA db.schema and USE db.schema: the database too. */
  readonly database?: string
}

/** ALTER SESSION SET/UNSET. */
export interface SetParametersPlan {
  readonly kind: 'set_parameters'
  readonly set: ReadonlyMap<string, string>
  readonly unset: readonly string[]
}

/** SET a = …, UNSET a. `sql` is a DuckDB query with one row and one column per name. */
export interface SetVariablesPlan {
  readonly kind: 'set_variables'
  readonly names: readonly string[]
  readonly sql: string
  readonly types: readonly DataType[]
  readonly unset: readonly string[]
}

export type FilePlan =
  | {
      readonly kind: 'put'
      /** Without `file://`. */
      readonly localPath: string
      readonly location: StageLocation
      /** PARALLEL, AUTO_COMPRESS, SOURCE_COMPRESSION, OVERWRITE. */
      readonly options: Options
    }
  | {
      readonly kind: 'get'
      readonly localPath: string
      readonly location: StageLocation
      readonly options: Options
    }
  | { readonly kind: 'list'; readonly location: StageLocation; readonly pattern: string | undefined }
  | { readonly kind: 'remove'; readonly location: StageLocation; readonly pattern: string | undefined }

export interface ShowPlan {
  readonly kind: 'show'
  /** Upper-case plural: TABLES, COLUMNS, PRIMARY KEYS, GRANTS, PARAMETERS, … */
  readonly objects: string
  readonly terse: boolean
  readonly history: boolean
  readonly like: string | undefined
  /** IN ACCOUNT | DATABASE x | SCHEMA x.y | TABLE x.y.z; ON/TO/OF of SHOW GRANTS likewise. Undefined: the session's place. */
  readonly scope: { readonly what: string; readonly name: readonly string[] } | undefined
  readonly startsWith: string | undefined
  readonly limit: number | undefined
  readonly limitFrom: string | undefined
}

export interface DescribePlan {
  readonly kind: 'describe'
  /** TABLE, VIEW, STAGE, FILE FORMAT, WAREHOUSE, DATABASE, SCHEMA, USER, RESULT, … */
  readonly what: string
  readonly name: readonly string[]
}

export interface ColumnDefinition {
  readonly name: string
  readonly type: DataType
  readonly nullable: boolean
  /** `text` as DESCRIBE shows it, `sql` the DuckDB expression. */
  readonly default?: { readonly text: string; readonly sql: string }
  readonly identity?: { readonly start: bigint; readonly step: bigint }
  readonly comment?: string
}

export interface TableConstraint {
  readonly type: 'PRIMARY KEY' | 'UNIQUE' | 'FOREIGN KEY'
  readonly name: string | undefined
  readonly columns: readonly string[]
}

interface CreateHead {
  readonly kind: 'create'
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly comment: string | undefined
}

/** Account objects have `name`, those of a schema `object`. */
export type CreatePlan = CreateHead &
  (
    | {
        readonly what: 'database'
        readonly name: string
        readonly transient: boolean
        readonly clone: string | undefined
        readonly options: Options
      }
    | {
        readonly what: 'schema'
        readonly database: string
        readonly name: string
        readonly transient: boolean
        readonly clone: { readonly database: string; readonly name: string } | undefined
        readonly options: Options
      }
    | {
        readonly what: 'table'
        readonly object: ObjectName
        readonly durability: 'permanent' | 'transient' | 'temporary'
        readonly columns: readonly ColumnDefinition[]
        readonly constraints: readonly TableConstraint[]
        readonly clusterBy: string | undefined
        /** CREATE TABLE … AS SELECT: the rows, by ordinal, already cast to the columns. */
        readonly as: QueryPlan | undefined
        /** LIKE (columns only) and CLONE (rows too): the columns are those of this relation. */
        readonly like: Relation | undefined
        readonly clone: Relation | undefined
        readonly copyGrants: boolean
        readonly options: Options
      }
    | {
        readonly what: 'view'
        readonly object: ObjectName
        readonly columns: readonly (ResultColumn & { readonly comment?: string })[]
        readonly query: QueryPlan
        /** The whole CREATE VIEW statement, for SHOW VIEWS and GET_DDL. */
        readonly text: string
        readonly secure: boolean
      }
    | { readonly what: 'stage'; readonly object: ObjectName; readonly temporary: boolean; readonly options: Options }
    | { readonly what: 'file_format'; readonly object: ObjectName; readonly options: Options }
    | { readonly what: 'sequence'; readonly object: ObjectName; readonly start: bigint; readonly step: bigint }
    | { readonly what: 'warehouse'; readonly name: string; readonly options: Options }
    | {
        readonly what: 'role' | 'user' | 'integration' | 'resource_monitor' | 'network_policy'
        readonly name: string
        readonly options: Options
      }
  )

export type AlterPlan = { readonly kind: 'alter'; readonly ifExists: boolean } & (
  | { readonly what: 'table'; readonly object: ObjectName; readonly action: TableAction }
  | { readonly what: 'warehouse'; readonly name: string; readonly action: WarehouseAction }
  | {
      readonly what: 'database' | 'schema' | 'view' | 'stage' | 'file_format' | 'user' | 'role'
      /** One to three parts, resolved against the session. */
      readonly name: readonly string[]
      readonly action:
        | { readonly type: 'rename'; readonly to: readonly string[] }
        | { readonly type: 'set'; readonly options: Options }
        | { readonly type: 'unset'; readonly names: readonly string[] }
    }
)

export type TableAction =
  | { readonly type: 'rename'; readonly to: ObjectName }
  | { readonly type: 'swap'; readonly with: ObjectName }
  | { readonly type: 'add_columns'; readonly ifNotExists: boolean; readonly columns: readonly ColumnDefinition[] }
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

/** `typeChangeError` of type-change.ts says whether Snowflake allows a new type. */
export type ColumnChange =
  | { readonly type: 'data_type'; readonly column: string; readonly dataType: DataType }
  | { readonly type: 'not_null'; readonly column: string; readonly notNull: boolean }
  | { readonly type: 'comment'; readonly column: string; readonly comment: string | undefined }
  | { readonly type: 'drop_default'; readonly column: string }

export type WarehouseAction =
  | { readonly type: 'suspend' }
  | { readonly type: 'resume'; readonly ifSuspended: boolean }
  | { readonly type: 'abort_all_queries' }
  | { readonly type: 'rename'; readonly to: string }
  | { readonly type: 'set'; readonly options: Options }
  | { readonly type: 'unset'; readonly names: readonly string[] }

export interface DropPlan {
  readonly kind: 'drop'
  readonly undrop: boolean
  readonly what:
    | 'database'
    | 'schema'
    | 'table'
    | 'view'
    | 'stage'
    | 'file_format'
    | 'sequence'
    | 'warehouse'
    | 'role'
    | 'user'
    | 'integration'
    | 'resource_monitor'
    | 'network_policy'
  /** Resolved: one part for account objects and databases, two for a schema, three for the rest. */
  readonly name: readonly string[]
  readonly ifExists: boolean
  readonly cascade: boolean
}

export interface TruncatePlan {
  readonly kind: 'truncate'
  readonly ifExists: boolean
  readonly object: ObjectName
}

/** Recorded, not enforced. `on` is undefined for GRANT ROLE. */
export interface GrantPlan {
  readonly kind: 'grant'
  readonly revoke: boolean
  readonly privileges: readonly string[]
  readonly on:
    | { readonly what: string; readonly name: readonly string[]; readonly all: 'ALL' | 'FUTURE' | undefined }
    | undefined
  readonly role: string | undefined
  readonly to: { readonly what: 'ROLE' | 'USER'; readonly name: string }
  readonly grantOption: boolean
}

/** COMMENT ON … IS …. */
export interface CommentPlan {
  readonly kind: 'comment'
  readonly ifExists: boolean
  /** TABLE, COLUMN, SCHEMA, … */
  readonly what: string
  readonly name: readonly string[]
  readonly comment: string
}

export interface ExplainPlan {
  readonly kind: 'explain'
  readonly plan: Plan
}
