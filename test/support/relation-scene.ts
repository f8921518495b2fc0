/**
 * Scenes of tables that change.
 *
 * A table as it was last seen, a relation message, and the catalog as it is when the message is read. The catalog may be
 * further than the message. Columns are written `attnum:name`, with `!` for dropped ones.
 */
import type { PostgresType } from '../../src/columnar/postgres-type.ts'
import type { RowIdentity, TableSchema } from '../../src/core/table-schema.ts'
import type { Attribute } from '../../src/sources/postgres/column-alignment.ts'
import type { RelationMessage } from '../../src/sources/postgres/pgoutput.ts'
import {
  type AttributeDetail,
  followRelation,
  type RelationChange,
  type RelationFacts,
} from '../../src/sources/postgres/relation-change.ts'
import { storageFingerprint } from '../../src/sources/postgres/storage-fingerprint.ts'

export const TYPES: Readonly<Record<string, { readonly oid: number; readonly sql: string }>> = {
  int4: { oid: 23, sql: 'integer' },
  int8: { oid: 20, sql: 'bigint' },
  text: { oid: 25, sql: 'text' },
}

export interface Given {
  /** `1:id 2:a/int8`; text where no type is given, int4 for `id`. */
  readonly known: string
  /** `id a b/int8`: in order, the first is the key. */
  readonly message: string
  /** `1:id 2:!a 3:b`. */
  readonly catalog: string
  /** Attributes with a default that no missing value stands for. */
  readonly defaults?: readonly string[]
  readonly missing?: Readonly<Record<string, string>>
  readonly wasNotNull?: readonly string[]
  readonly exclude?: readonly string[]
  readonly leftOut?: readonly number[]
  /** Undefined: `same`. */
  readonly storage?: 'same' | 'anew' | 'unknown'
  /** Attributes whose catalog row is newer than the known schema. */
  readonly written?: readonly string[]
  readonly replicaIdentity?: RelationMessage['replicaIdentity']
  /** Names in the message's identity; `['id']` by default. */
  readonly identity?: readonly string[]
  /** The key in the catalog; `['id']` by default, null: none. */
  readonly key?: readonly string[] | null
  readonly knownIdentity?: RowIdentity
}

export function follow(given: Given): RelationChange {
  const wasNotNull = new Set(['id', ...(given.wasNotNull ?? [])])
  const known: TableSchema = {
    table: { source: 'shop', namespace: 'public', name: 't' },
    version: 3,
    columns: parse(given.known).map(({ attnum, name, type }) => ({
      id: attnum,
      name,
      type: type === 'int4' ? { kind: 'int32' } : type === 'int8' ? { kind: 'int64' } : { kind: 'text' },
      sourceType: TYPES[type]!.sql,
      nullable: !wasNotNull.has(name),
    })),
    identity: given.knownIdentity ?? { kind: 'key', columnIds: [1] },
    ...(given.storage === 'unknown' ? {} : { fingerprint: storageFingerprint(1, 'f1', 1000).text }),
  }
  const catalog = parse(given.catalog)
  const columns = given.message.split(' ').map((text) => {
    const [name = '', type = name === 'id' ? 'int4' : 'text'] = text.split('/')
    return { name, typeOid: TYPES[type]!.oid, typmod: -1, inIdentity: (given.identity ?? ['id']).includes(name) }
  })
  const attributes = catalog.map(
    ({ attnum, name, dropped, type }): Attribute => ({
      attnum,
      name: dropped ? `........pg.dropped.${attnum}........` : name,
      dropped,
      typeOid: dropped ? 0 : TYPES[type]!.oid,
      typmod: -1,
      hasDefault: given.defaults?.includes(name) ?? false,
      writtenBy: given.written?.includes(name) ? 2000 : 10,
    }),
  )
  const facts: RelationFacts = {
    attributes,
    details: new Map(
      catalog
        .filter(({ dropped }) => !dropped)
        .map(({ attnum, name }): [number, AttributeDetail] => [
          attnum,
          {
            nullable: name !== 'id',
            missingValue: given.missing?.[name],
            missingValueDiffers: false,
            generated: 'no' as const,
          },
        ]),
    ),
    types: columns.map((column) => {
      const [name, type] = Object.entries(TYPES).find(([, { oid }]) => oid === column.typeOid)!
      const postgres: PostgresType = { oid: type.oid, name, typmod: -1, kind: 'base', hasSend: true }
      return { type: postgres, sourceType: type.sql }
    }),
    key: given.key === null ? undefined : (given.key ?? ['id']),
    fingerprint: storageFingerprint(1, given.storage === 'anew' ? 'f2' : 'f1', 3000),
  }
  const message: RelationMessage = {
    oid: 1,
    namespace: 'public',
    name: 't',
    replicaIdentity: given.replicaIdentity ?? 'd',
    columns,
  }
  const request = { table: known.table, exclude: given.exclude ?? [], typeOverrides: {} }
  return followRelation(known, message, facts, request, new Set(given.leftOut))
}

function parse(text: string) {
  return text.split(' ').map((part) => {
    const [number, rest = ''] = part.split(':')
    const [mark, type] = rest.split('/')
    const name = mark!.replace('!', '')
    return { attnum: Number(number), name, dropped: mark !== name, type: type ?? (name === 'id' ? 'int4' : 'text') }
  })
}

/** `id:1 a:2`: name and attribute number of each column that is kept. */
export function columnsOf(change: RelationChange): string {
  return change.schema.columns.map((column) => `${column.id}:${column.name}`).join(' ')
}

/** Attribute number that each column of the message goes to, 0 where it is left out. */
export function wireOf(change: RelationChange): number[] {
  return change.wire.map(({ column }) => column?.id ?? 0)
}
