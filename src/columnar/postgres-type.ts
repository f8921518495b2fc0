/**
 * What a source must know of a Postgres type to have its values decoded.
 */
import type { ColumnType } from '../core/table-schema.ts'

/**
 * A row of `pg_type` with what it is made of. `kind` is `array` where `typcategory` is `A` and `typelem` is set
 * (`int2vector` and `oidvector`, whose text form is no array literal, are `base`).
 */
export interface PostgresType {
  readonly oid: number
  /** `typname`: `int4`, `varchar`, `hstore`. */
  readonly name: string
  /** `atttypmod` of the column, `typtypmod` for the base of a domain, -1 where there is none. */
  readonly typmod: number
  readonly kind: 'base' | 'array' | 'domain' | 'enum' | 'composite' | 'range' | 'multirange'
  /** Array: of its elements. Range: its subtype. Multirange: its range. */
  readonly element?: PostgresType
  /** Domain: what it is over. */
  readonly base?: PostgresType
  /** Composite: its attributes in order, dropped ones left out. Without them its values are text, not JSON. */
  readonly attributes?: readonly { readonly name: string; readonly type: PostgresType }[]
  /** `typsend` is set. */
  readonly hasSend: boolean
}

/** Settings that every session must have whose text forms are decoded, a replication connection included. */
export const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  client_encoding: 'UTF8',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  xmlbinary: 'base64',
}

/** The column type that holds every value of a Postgres type, or at least all that have a representation. */
export function columnTypeOf(_type: PostgresType): ColumnType {
  throw new Error('not written yet')
}

/** Whether values of this type can be taken in their binary form. False: select as text, or stream with `binary 'false'`. */
export function hasBinaryDecoder(_type: PostgresType): boolean {
  throw new Error('not written yet')
}
