import type { Column } from '../core/table-schema.ts'
import type { ValueLimits } from '../core/value-limits.ts'
import type { TextEncoding } from './form-decoder.ts'
import type { PostgresType } from './postgres-type.ts'

/** A column as it comes over the wire, in the order of the wire. */
export interface WireColumn {
  /** Undefined: left out, its values are skipped. */
  readonly column: Column | undefined
  readonly type: PostgresType
  /**
   * - `true`: values are in the type's binary form.
   * - `false`: in its text form (in COPY binary: the query casts the column to text).
   * - `per-value`: each value says so itself (pgoutput).
   */
  readonly binary: boolean | 'per-value'
  /** Default `trusted`. `verify` for databases with encoding SQL_ASCII, whose text may be no UTF-8. */
  readonly encoding?: TextEncoding
  /** What the destination holds; absent: everything. */
  readonly limits?: ValueLimits | undefined
}

/** What is the same for all columns that come over one connection. */
export type WireRules = Pick<WireColumn, 'limits'> & { readonly encoding: TextEncoding }
