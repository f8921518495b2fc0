/**
 * What the translator must know of a session and of the account to translate one statement. The server implements it; everything is looked up
 * while the statement is translated, nothing is kept.
 */
import type { DataType } from './data-type.ts'

/** Names exactly as Snowflake keeps them (unquoted identifiers are upper-cased already). */
export interface ObjectName {
  readonly database: string
  readonly schema: string
  readonly name: string
}

/** A parameter that is bound to `?` or `:1`. An array binding has one value per row. */
export interface Bind {
  /** The driver's word: FIXED, REAL, TEXT, BOOLEAN, DATE, TIME, TIMESTAMP_NTZ, TIMESTAMP_LTZ, TIMESTAMP_TZ, BINARY, VARIANT. */
  readonly type: string
  readonly value: string | null | readonly (string | null)[]
}

export interface SessionVariable {
  readonly type: DataType
  readonly value: string | null
}

export interface SessionContext {
  readonly catalog: Catalog
  readonly database: string | undefined
  readonly schema: string | undefined
  readonly role: string
  readonly warehouse: string | undefined
  readonly user: string
  readonly account: string
  readonly sessionId: string
  /** Session parameters in force, names upper-case, values as text: `TIMEZONE`, `TIMESTAMP_TYPE_MAPPING`, `WEEK_START`, … */
  readonly parameters: ReadonlyMap<string, string>
  /** `SET name = value`, names upper-case. */
  readonly variables: ReadonlyMap<string, SessionVariable>
  readonly binds: readonly Bind[]
  /** Microseconds since 1970 UTC: what CURRENT_TIMESTAMP is in this statement. */
  readonly now: bigint
  /** Id of the transaction that is open; undefined when none is. */
  readonly transactionId: string | undefined
  /** Latest query last; LAST_QUERY_ID(-1) is the last one. */
  readonly queryIds: readonly string[]
}

/** Columns and place of a table or view, of a result of an earlier query, of a table function. */
export interface Relation {
  readonly kind: 'table' | 'view' | 'result'
  /** Undefined for what has no name of its own (a result, a table function). */
  readonly name: ObjectName | undefined
  /** DuckDB's table expression, quoted: `"SHOP.PUBLIC"."ORDERS"`; for a result or function it may be a subquery in parentheses. */
  readonly from: string
  readonly columns: readonly RelationColumn[]
  /** Of a view: its CREATE VIEW, which is bound anew wherever the view is read, and the schema that its names are of. */
  readonly view?: { readonly text: string; readonly database: string; readonly schema: string }
}

export interface RelationColumn {
  readonly name: string
  /** DuckDB's column name, unquoted; `storedName(name)` unless the server has a reason. */
  readonly stored: string
  readonly type: DataType
  readonly nullable: boolean
  /** DuckDB expression for a column that an INSERT leaves out (a `nextval(…)` for AUTOINCREMENT); undefined: NULL. */
  readonly defaultSql: string | undefined
  /** The default as it was written: bound anew for each INSERT, since CURRENT_TIMESTAMP() is another one then. Comes before `defaultSql`. */
  readonly defaultText?: string | undefined
}

export interface Catalog {
  database(name: string): boolean
  schema(database: string, name: string): boolean
  /** A table or view, INFORMATION_SCHEMA's and SNOWFLAKE.ACCOUNT_USAGE's included; a temporary table of this session hides a permanent one. */
  relation(name: ObjectName): Relation | undefined
  /** `RESULT_SCAN(queryId)`. */
  result(queryId: string): Relation | undefined
  /** A table function of INFORMATION_SCHEMA, with its arguments as DuckDB expressions, names upper-case ('' for positional ones). */
  tableFunction(
    name: string,
    argumentsSql: readonly { readonly name: string; readonly sql: string }[],
  ): Relation | undefined
  /** Files of a stage as rows, for a SELECT that reads a stage and for COPY INTO. */
  stageRows(read: StageRead): Promise<StageRows>
}

/** `@db.schema.stage/path`, `@~/path` (the user's), `@%table/path` (the table's). */
export interface StageLocation {
  readonly type: 'named' | 'user' | 'table'
  /** The stage or the table; undefined for `@~`. */
  readonly name: ObjectName | undefined
  /** Without a leading slash; '' for the whole stage. */
  readonly path: string
}

export interface StageRead {
  readonly location: StageLocation
  /** Names relative to the location's path, as FILES=(…) gave them; undefined: all. */
  readonly files: readonly string[] | undefined
  readonly pattern: string | undefined
  readonly format: FileFormat
}

/** Options upper-case, as written: `TYPE`, `USE_VECTORIZED_SCANNER`, …; a named format is still to be looked up by the server. */
export interface FileFormat {
  readonly name: ObjectName | undefined
  readonly options: Options
}

/** `KEY = value` lists of CREATE STAGE, FILE FORMAT, WAREHOUSE, COPY …; keys upper-case; words as written, strings without their quotes. */
export type Options = ReadonlyMap<string, OptionValue>
export type OptionValue = string | number | boolean | null | readonly OptionValue[] | { readonly options: Options }

/** Files that DuckDB can read as one relation. */
export interface StageRows {
  readonly type: 'parquet' | 'csv' | 'json'
  /** DuckDB's table expression, for example `read_parquet([…], filename = true, file_row_number = true, union_by_name = true)`. */
  readonly from: string
  /** DuckDB's name and type of each column: for parquet the file's own columns, for csv `c1, c2, …` as VARCHAR, for json one column `c1` as JSON. */
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** DuckDB expression of METADATA$FILENAME: the path within the stage. */
  readonly filenameSql: string
  /** DuckDB expression of METADATA$FILE_ROW_NUMBER; counts from 1. */
  readonly rowNumberSql: string
}
