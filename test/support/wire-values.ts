/**
 * Values as a real server sends them, in both wire forms: `typsend` functions give the bytes of COPY binary and pgoutput,
 * and `format('%s')` calls the output function (a cast to text does not always: `inet`, `bpchar`, `bool`).
 */
import type { PostgresType } from '../../src/columnar/postgres-type.ts'
import type { TestDatabase } from './postgres.ts'

export interface WireValue {
  readonly binary: Buffer | null
  readonly text: string | null
}

interface TypeRow {
  readonly oid: number
  readonly name: string
  readonly typtype: string
  readonly category: string
  readonly send: string
  readonly element: number
  readonly base: number
  readonly base_typmod: number
  readonly relation: number
}

/** `type`: as in SQL, `numeric(10,2)[]`. */
export async function describeType(database: TestDatabase, type: string): Promise<PostgresType> {
  const name = `described_${Math.abs(hash(type))}`
  await database.query(`CREATE TEMP TABLE IF NOT EXISTS ${name} (v ${type})`)
  const [row] = await database.query<{ oid: number; typmod: number }>(
    `SELECT atttypid::int8::int AS oid, atttypmod AS typmod FROM pg_attribute WHERE attrelid = '${name}'::regclass AND attnum = 1`,
  )
  return typeByOid(database, row!.oid, row!.typmod)
}

async function typeByOid(database: TestDatabase, oid: number, typmod: number): Promise<PostgresType> {
  const [row] = await database.query<TypeRow>(
    `SELECT t.oid::int8::int AS oid, typname AS name, typtype::text, typcategory::text AS category, typsend::text AS send,
       coalesce(nullif(typelem::int8, 0), (SELECT rngsubtype FROM pg_range WHERE rngtypid = t.oid)::int8,
         (SELECT rngtypid FROM pg_range WHERE rngmultitypid = t.oid)::int8, 0)::int AS element,
       typbasetype::int8::int AS base, typtypmod AS base_typmod, typrelid::int8::int AS relation
     FROM pg_type t WHERE oid = ${oid}`,
  )
  const { typtype, category, element, base, relation } = row!
  const kind =
    typtype === 'd'
      ? 'domain'
      : typtype === 'e'
        ? 'enum'
        : typtype === 'c'
          ? 'composite'
          : typtype === 'r'
            ? 'range'
            : typtype === 'm'
              ? 'multirange'
              : category === 'A' && element !== 0
                ? 'array'
                : 'base'
  const needsElement = kind === 'array' || kind === 'range' || kind === 'multirange'
  const attributes =
    kind === 'composite'
      ? await database.query<{ name: string; oid: number; typmod: number }>(
          `SELECT attname AS name, atttypid::int8::int AS oid, atttypmod AS typmod FROM pg_attribute
           WHERE attrelid = ${relation} AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
        )
      : []
  const described: { name: string; type: PostgresType }[] = []
  for (const attribute of attributes) {
    described.push({ name: attribute.name, type: await typeByOid(database, attribute.oid, attribute.typmod) })
  }
  return {
    oid,
    name: row!.name,
    typmod,
    kind,
    hasSend: row!.send !== '-',
    ...(needsElement ? { element: await typeByOid(database, element, typmod) } : {}),
    ...(kind === 'domain' ? { base: await typeByOid(database, base, row!.base_typmod) } : {}),
    ...(kind === 'composite' ? { attributes: described } : {}),
  }
}

/** Each literal cast to `type`; null for NULL. `expression`: SQL over `v`, whose text comes back as well. */
export async function readWireValues(
  database: TestDatabase,
  type: string,
  literals: readonly (string | null)[],
  expression = 'NULL',
): Promise<(WireValue & { readonly expected: string | null })[]> {
  const [{ send } = { send: '-' }] = await database.query<{ send: string }>(
    `SELECT typsend::text AS send FROM pg_type WHERE oid = '${type.replaceAll("'", "''")}'::regtype`,
  )
  const binary = send === '-' ? 'NULL::bytea' : `${send}(v)`
  return database.query(
    `SELECT ${binary} AS binary, CASE WHEN v IS NOT DISTINCT FROM NULL THEN NULL ELSE format('%s', v) END AS text,
       (${expression})::text AS expected
     FROM unnest($1::text[]) WITH ORDINALITY AS given (literal, n), LATERAL (SELECT literal::${type} AS v) AS cast_value
     ORDER BY n`,
    [literals],
  )
}

function hash(text: string): number {
  let value = 0
  for (const character of text) value = (value * 31 + (character.codePointAt(0) ?? 0)) | 0
  return value
}
