/** Snowflake SQL as a tree: what was written, names upper-cased where they were not quoted, nothing looked up yet. */
import type { DataType } from './data-type.ts'
import type { Options, StageLocation } from './session-context.ts'

/** Offset into the statement, for error messages; `end` for the names of result columns. */
export interface Span {
  readonly start: number
  readonly end: number
}

export type Expression = Span &
  (
    | { readonly type: 'number'; readonly text: string }
    | { readonly type: 'string'; readonly value: string }
    | { readonly type: 'boolean'; readonly value: boolean }
    | { readonly type: 'null' }
    /** `a`, `t.a`, `s.t.a`, `d.s.t.a`. `bare`: one word without quotes, which may also be a function like CURRENT_DATE. */
    | { readonly type: 'column'; readonly parts: readonly string[]; readonly bare: boolean }
    /** `$1` of a stage file or of VALUES. */
    | { readonly type: 'position'; readonly qualifier: string | undefined; readonly index: number }
    | { readonly type: 'variable'; readonly name: string }
    /** 1-based. */
    | { readonly type: 'bind'; readonly index: number }
    | { readonly type: 'path'; readonly of: Expression; readonly steps: readonly PathStep[] }
    | { readonly type: 'cast'; readonly of: Expression; readonly to: DataType; readonly lenient: boolean }
    | { readonly type: 'unary'; readonly operator: '-' | '+' | 'NOT'; readonly of: Expression }
    | { readonly type: 'binary'; readonly operator: string; readonly left: Expression; readonly right: Expression }
    | { readonly type: 'is'; readonly of: Expression; readonly not: boolean; readonly what: 'NULL' | 'TRUE' | 'FALSE' }
    | { readonly type: 'distinct'; readonly left: Expression; readonly right: Expression; readonly not: boolean }
    | {
        readonly type: 'between'
        readonly of: Expression
        readonly not: boolean
        readonly low: Expression
        readonly high: Expression
      }
    | { readonly type: 'in'; readonly of: Expression; readonly not: boolean; readonly list: readonly Expression[] }
    | { readonly type: 'in_query'; readonly of: Expression; readonly not: boolean; readonly query: Query }
    | {
        readonly type: 'like'
        readonly operator: 'LIKE' | 'ILIKE' | 'RLIKE'
        readonly quantifier: 'ANY' | 'ALL' | undefined
        readonly of: Expression
        readonly not: boolean
        readonly patterns: readonly Expression[]
        readonly escape: Expression | undefined
      }
    | {
        readonly type: 'case'
        readonly of: Expression | undefined
        readonly whens: readonly { readonly when: Expression; readonly result: Expression }[]
        readonly otherwise: Expression | undefined
      }
    | Call
    | { readonly type: 'exists'; readonly query: Query }
    | { readonly type: 'scalar_query'; readonly query: Query }
    | { readonly type: 'tuple'; readonly items: readonly Expression[] }
    | { readonly type: 'array'; readonly items: readonly Expression[] }
    | { readonly type: 'object'; readonly entries: readonly { readonly key: string; readonly value: Expression }[] }
    | { readonly type: 'interval'; readonly text: string }
  )

export type PathStep = { readonly field: string } | { readonly index: Expression }

export interface Call extends Span {
  readonly type: 'call'
  /** Upper-case; `SYSTEM$TYPEOF`, or with its schema: `INFORMATION_SCHEMA.COPY_HISTORY`. */
  readonly name: string
  readonly args: readonly Expression[]
  readonly named: readonly { readonly name: string; readonly value: Expression }[]
  readonly star: boolean
  readonly distinct: boolean
  readonly withinGroup: readonly OrderItem[]
  readonly ignoreNulls: boolean
  readonly over: Window | undefined
}

export interface Window {
  readonly partitionBy: readonly Expression[]
  readonly orderBy: readonly OrderItem[]
  readonly frame:
    | { readonly unit: 'ROWS' | 'RANGE'; readonly from: FrameBound; readonly to: FrameBound | undefined }
    | undefined
}

export interface FrameBound {
  readonly type: 'UNBOUNDED PRECEDING' | 'UNBOUNDED FOLLOWING' | 'CURRENT ROW' | 'PRECEDING' | 'FOLLOWING'
  readonly offset: Expression | undefined
}

export interface OrderItem {
  readonly expression: Expression
  readonly descending: boolean
  readonly nullsFirst: boolean | undefined
}

export interface Query extends Span {
  readonly with: readonly CommonTable[]
  readonly body: QueryBody
  readonly orderBy: readonly OrderItem[]
  readonly limit: Expression | undefined
  readonly offset: Expression | undefined
}

export interface CommonTable {
  readonly name: string
  readonly columns: readonly string[] | undefined
  readonly recursive: boolean
  readonly query: Query
}

export type QueryBody =
  | Select
  | { readonly type: 'values'; readonly rows: readonly (readonly Expression[])[] }
  | { readonly type: 'nested'; readonly query: Query }
  | {
      readonly type: 'set'
      readonly operator: 'UNION' | 'UNION ALL' | 'INTERSECT' | 'EXCEPT'
      readonly byName: boolean
      readonly left: QueryBody
      readonly right: QueryBody
    }

export interface Select extends Span {
  readonly type: 'select'
  readonly distinct: boolean
  readonly top: Expression | undefined
  readonly items: readonly SelectItem[]
  readonly from: TableReference | undefined
  readonly where: Expression | undefined
  readonly groupBy: 'all' | readonly Expression[] | undefined
  readonly having: Expression | undefined
  readonly qualify: Expression | undefined
}

export type SelectItem =
  | { readonly type: 'expression'; readonly expression: Expression; readonly alias: string | undefined }
  | (Span & {
      readonly type: 'star'
      readonly qualifier: readonly string[]
      readonly exclude: readonly string[]
      readonly rename: readonly { readonly from: string; readonly to: string }[]
      readonly replace: readonly { readonly expression: Expression; readonly name: string }[]
      readonly ilike: string | undefined
    })

export interface TableAlias {
  readonly alias: string | undefined
  readonly columns: readonly string[] | undefined
}

export type TableReference = Span &
  (
    | ({ readonly type: 'named'; readonly parts: readonly string[] } & TableAlias)
    | ({ readonly type: 'subquery'; readonly query: Query; readonly lateral: boolean } & TableAlias)
    | ({ readonly type: 'function'; readonly call: Call; readonly lateral: boolean } & TableAlias)
    | ({
        readonly type: 'stage'
        readonly location: StageText
        readonly format: FormatText
        readonly pattern: string | undefined
      } & TableAlias)
    | {
        readonly type: 'join'
        readonly kind: 'INNER' | 'LEFT' | 'RIGHT' | 'FULL' | 'CROSS' | 'ASOF'
        readonly natural: boolean
        readonly left: TableReference
        readonly right: TableReference
        readonly on: Expression | undefined
        readonly using: readonly string[] | undefined
        readonly match: Expression | undefined
      }
  )

/** A location whose names are not resolved: one to three parts. */
export interface StageText {
  readonly type: StageLocation['type']
  readonly parts: readonly string[]
  readonly path: string
}

/** FILE_FORMAT => 'name' or (TYPE = …). */
export interface FormatText {
  readonly name: readonly string[] | undefined
  readonly options: Options
}
