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

/**
 * Settings of every session whose values are decoded, a replication connection included: the text forms depend on them,
 * and so do the binary forms of text (`client_encoding`).
 */
export const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  client_encoding: 'UTF8',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
}

/** A binary form that the decoders know; several types may share one. */
export type WireForm =
  | 'text'
  | 'versioned-text'
  | 'char'
  | 'bool'
  | 'int2'
  | 'int4'
  | 'int8'
  | 'oid'
  | 'xid8'
  | 'lsn'
  | 'float4'
  | 'float8'
  | 'numeric'
  | 'bytea'
  | 'uuid'
  | 'json'
  | 'jsonb'
  | 'date'
  | 'time'
  | 'timetz'
  | 'timestamp'
  | 'timestamptz'
  | 'interval'
  | 'inet'
  | 'macaddr'
  | 'bit'
  | 'tsvector'
  | 'point'
  | 'hstore'
  | 'array'
  | 'composite'
  | 'range'
  | 'multirange'

/** `pg_type.dat`. `money` is missing on purpose: its text form depends on the server's `lc_monetary`. */
const BUILT_IN: ReadonlyMap<number, WireForm> = new Map<number, WireForm>([
  [16, 'bool'],
  [17, 'bytea'],
  [18, 'char'],
  [19, 'text'], // name
  [20, 'int8'],
  [21, 'int2'],
  [23, 'int4'],
  [25, 'text'],
  [26, 'oid'],
  [28, 'oid'], // xid
  [29, 'oid'], // cid
  [114, 'json'],
  [142, 'text'], // xml
  [600, 'point'],
  [650, 'inet'], // cidr
  [700, 'float4'],
  [701, 'float8'],
  [774, 'macaddr'], // macaddr8
  [829, 'macaddr'],
  [869, 'inet'],
  [1042, 'text'], // bpchar
  [1043, 'text'], // varchar
  [1082, 'date'],
  [1083, 'time'],
  [1114, 'timestamp'],
  [1184, 'timestamptz'],
  [1186, 'interval'],
  [1266, 'timetz'],
  [1560, 'bit'],
  [1562, 'bit'], // varbit
  [1700, 'numeric'],
  [2950, 'uuid'],
  [3220, 'lsn'],
  [3614, 'tsvector'],
  [3802, 'jsonb'],
  [4072, 'versioned-text'], // jsonpath
  [5069, 'xid8'],
])

/** Types of extensions have no fixed oid. A base type takes C code, so the names are not used for anything else. */
const EXTENSIONS: ReadonlyMap<string, WireForm> = new Map<string, WireForm>([
  ['citext', 'text'],
  ['hstore', 'hstore'],
  ['ltree', 'versioned-text'],
  ['lquery', 'versioned-text'],
  ['ltxtquery', 'versioned-text'],
])

const FIRST_USER_OID = 16384

/** What a domain, at any depth, is over; the type itself where it is no domain. */
export function withoutDomain(type: PostgresType): PostgresType {
  let current = type
  while (current.kind === 'domain' && current.base !== undefined) current = current.base
  return current
}

/** The form of the type itself, whether or not its parts can be decoded; undefined where it is not known. */
export function wireForm(type: PostgresType): WireForm | undefined {
  const plain = withoutDomain(type)
  switch (plain.kind) {
    case 'base':
      return plain.oid < FIRST_USER_OID ? BUILT_IN.get(plain.oid) : EXTENSIONS.get(plain.name)
    case 'enum':
      return 'text'
    case 'array':
      return plain.element === undefined ? undefined : 'array'
    case 'range':
      return plain.element === undefined ? undefined : 'range'
    case 'multirange':
      return plain.element === undefined ? undefined : 'multirange'
    case 'composite':
      return plain.attributes === undefined ? undefined : 'composite'
    case 'domain':
      return undefined
  }
}

/** Values are JSON text in their columns, though the type is not `json`. */
export function isStructured(type: PostgresType): boolean {
  const form = wireForm(type)
  return form === 'array' || form === 'composite' || form === 'hstore'
}

/** Whether values of this type can be taken in their binary form. False: select as text, or stream with `binary 'false'`. */
export function hasBinaryDecoder(type: PostgresType): boolean {
  const plain = withoutDomain(type)
  if (!plain.hasSend) return false
  const form = wireForm(plain)
  if (form === undefined) return false
  if (plain.element !== undefined && !hasBinaryDecoder(plain.element)) return false
  // Bounds are written as text, and structured values are known as JSON only.
  if (form === 'range' && plain.element !== undefined && isStructured(plain.element)) return false
  return plain.attributes === undefined || plain.attributes.every((attribute) => hasBinaryDecoder(attribute.type))
}

/** The column type that holds every value of a Postgres type, or at least all that have a representation. */
export function columnTypeOf(type: PostgresType): ColumnType {
  const plain = withoutDomain(type)
  switch (wireForm(plain)) {
    case 'bool':
      return { kind: 'bool' }
    case 'int2':
      return { kind: 'int16' }
    case 'int4':
      return { kind: 'int32' }
    case 'int8':
    case 'oid':
      return { kind: 'int64' }
    case 'float4':
      return { kind: 'float32' }
    case 'float8':
      return { kind: 'float64' }
    case 'numeric':
      return decimalType(plain.typmod)
    case 'bytea':
      return { kind: 'bytes' }
    case 'uuid':
      return { kind: 'uuid' }
    case 'date':
      return { kind: 'date' }
    case 'time':
      return { kind: 'time' }
    case 'timestamp':
      return { kind: 'timestamp' }
    case 'timestamptz':
      return { kind: 'timestamptz' }
    case 'json':
    case 'jsonb':
    case 'array':
    case 'composite':
    case 'hstore':
      return { kind: 'json' }
    default:
      return { kind: 'text' }
  }
}

const PRECISION_MAX = 38

/**
 * Precision and scale are 16 and 11 bits of the type modifier less 4; from PostgreSQL 15 on the scale may be negative, or
 * larger than the precision: `numeric(5,7)` has values below 0.01 and needs a decimal(7,7), `numeric(5,-3)` whole
 * thousands of up to eight digits, a decimal(8,0).
 */
function decimalType(typmod: number): ColumnType {
  if (typmod < 4) return { kind: 'text' }
  const declared = ((typmod - 4) >>> 16) & 0xffff
  const declaredScale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024
  const scale = Math.max(declaredScale, 0)
  const precision = Math.max(declared - declaredScale + scale, scale)
  return precision > PRECISION_MAX ? { kind: 'text' } : { kind: 'decimal', precision, scale }
}
