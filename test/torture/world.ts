/**
 * The tables that are tortured. Between them they have every way of recognising a row, values that are stored out of line,
 * and names that need quotes.
 */

import type { WriteMode } from '../../src/core/destination.ts'
import type { ReadingMode } from '../../src/core/source.ts'

/** How keys of a table are made. Few keys, so that they are used again and again. */
export type KeyShape =
  | { readonly kind: 'integer'; readonly column: string }
  | { readonly kind: 'text'; readonly column: string }
  | { readonly kind: 'pair'; readonly columns: readonly [string, string] }
  | { readonly kind: 'none' }

export interface WorldTable {
  readonly namespace: string
  readonly name: string
  readonly key: KeyShape
  /** By which polls recognise rows, where it is another one. */
  readonly polledKey?: KeyShape
  readonly columns: string
  /** After the columns and constraints. */
  readonly suffix?: string
  readonly setUp?: readonly string[]
  /** Rows may be updated and deleted: there is something to recognise them by. */
  readonly changeable: boolean
  /** Columns may be added, renamed and dropped. */
  readonly alterable: boolean
  readonly hardDelete: boolean
}

export const WORLD: readonly WorldTable[] = [
  {
    namespace: 'public',
    name: 'accounts',
    key: { kind: 'integer', column: 'id' },
    columns: `id bigint PRIMARY KEY, owner text NOT NULL DEFAULT 'nobody', amount numeric(12,3), score float8,
      opened timestamptz, active boolean, notes text, picture bytea`,
    setUp: [
      'ALTER TABLE accounts ALTER notes SET STORAGE EXTERNAL',
      'ALTER TABLE accounts ALTER picture SET STORAGE EXTERNAL',
    ],
    changeable: true,
    alterable: true,
    hardDelete: false,
  },
  {
    namespace: 'public',
    name: 'labels',
    key: { kind: 'text', column: 'code' },
    columns: `code text PRIMARY KEY, rank int, meta jsonb, body text, tags text[], counts int[]`,
    setUp: ['ALTER TABLE labels ALTER body SET STORAGE EXTERNAL', 'ALTER TABLE labels ALTER meta SET STORAGE EXTERNAL'],
    changeable: true,
    alterable: true,
    hardDelete: true,
  },
  {
    namespace: 'Odd Names',
    name: 'Order "Lines"',
    key: { kind: 'pair', columns: ['Order Id', 'line'] },
    columns: `"Order Id" int, line text, "select" text, "SELECT" int, "a""b" text, "Größe €" numeric(10,2), big text,
      PRIMARY KEY (line, "Order Id")`,
    setUp: ['ALTER TABLE "Odd Names"."Order ""Lines""" ALTER big SET STORAGE EXTERNAL'],
    changeable: true,
    alterable: true,
    hardDelete: false,
  },
  {
    namespace: 'public',
    name: 'full_with_key',
    key: { kind: 'integer', column: 'id' },
    columns: 'id int PRIMARY KEY, a text, b int, big text',
    setUp: [
      'ALTER TABLE full_with_key REPLICA IDENTITY FULL',
      'ALTER TABLE full_with_key ALTER big SET STORAGE EXTERNAL',
    ],
    changeable: true,
    alterable: true,
    hardDelete: false,
  },
  {
    namespace: 'public',
    name: 'bag',
    key: { kind: 'none' },
    columns: 'a int, b text, c text',
    setUp: ['ALTER TABLE bag REPLICA IDENTITY FULL', 'ALTER TABLE bag ALTER c SET STORAGE EXTERNAL'],
    changeable: true,
    alterable: true,
    hardDelete: false,
  },
  {
    namespace: 'public',
    name: 'by_index',
    key: { kind: 'pair', columns: ['region', 'code'] },
    polledKey: { kind: 'integer', column: 'id' },
    columns: `id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, region int NOT NULL, code text NOT NULL, v int, big text,
      doubled int GENERATED ALWAYS AS (v * 2) STORED`,
    setUp: [
      'CREATE UNIQUE INDEX by_index_identity ON by_index (region, code)',
      'ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_identity',
      'ALTER TABLE by_index ALTER big SET STORAGE EXTERNAL',
    ],
    changeable: true,
    alterable: true,
    hardDelete: true,
  },
  {
    namespace: 'public',
    name: 'journal',
    key: { kind: 'none' },
    columns: 'at timestamptz, what text, n bigint',
    changeable: false,
    alterable: true,
    hardDelete: false,
  },
  {
    namespace: 'public',
    name: 'parts',
    key: { kind: 'pair', columns: ['region', 'code'] },
    columns: 'region int, code text, v numeric, big text, PRIMARY KEY (region, code)',
    suffix: 'PARTITION BY RANGE (region)',
    setUp: [
      'CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (MINVALUE) TO (4)',
      // Columns in another order, and a dropped one.
      'CREATE TABLE parts_high (gone int, big text, v numeric, code text NOT NULL, region int NOT NULL)',
      'ALTER TABLE parts_high DROP COLUMN gone',
      'ALTER TABLE parts ATTACH PARTITION parts_high FOR VALUES FROM (4) TO (MAXVALUE)',
      'ALTER TABLE parts_low ALTER big SET STORAGE EXTERNAL',
      'ALTER TABLE parts_high ALTER big SET STORAGE EXTERNAL',
    ],
    changeable: true,
    alterable: true,
    hardDelete: false,
  },
  {
    namespace: 'public',
    name: 'mixture',
    key: { kind: 'integer', column: 'id' },
    columns: `id smallint PRIMARY KEY, n numeric, d numeric(38,10), f4 real, f8 double precision, t time, ts timestamp,
      tz timestamptz, day date, u uuid, by bytea, js json, jb jsonb, flags boolean[], words text[], nested int[],
      vc varchar(40), ch char(6), big text`,
    setUp: ['ALTER TABLE mixture ALTER big SET STORAGE EXTERNAL'],
    changeable: true,
    alterable: false,
    hardDelete: false,
  },
]

/** What nothing tells apart has no versions. The log tells rows apart by their whole content, polls do not. */
export function writeOf(table: WorldTable, source: ReadingMode, write: WriteMode): WriteMode {
  const isToldApart = table.key.kind !== 'none' || (source === 'cdc' && table.changeable)
  return write === 'history' && !isToldApart ? 'merge' : write
}

/** Money that is only moved: the sum over both never changes. */
export const MONEY_TABLES = ['money_a', 'money_b'] as const
export const MONEY_ACCOUNTS = 20
export const MONEY_TOTAL = 2 * MONEY_ACCOUNTS * 1000

/** Not configured for the sync. */
export const NOISE_TABLE = 'noise'

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function qualified(table: { readonly namespace: string; readonly name: string }): string {
  return `${quoted(table.namespace)}.${quoted(table.name)}`
}

export function worldSql(): string {
  const tables = WORLD.flatMap((table) => [
    `CREATE TABLE ${qualified(table)} (${table.columns}) ${table.suffix ?? ''}`,
    ...(table.setUp ?? []),
  ])
  const money = MONEY_TABLES.flatMap((name) => [
    `CREATE TABLE ${name} (id int PRIMARY KEY, cents bigint NOT NULL)`,
    `INSERT INTO ${name} SELECT i, 1000 FROM generate_series(1, ${MONEY_ACCOUNTS}) i`,
  ])
  return [
    'CREATE SCHEMA "Odd Names"',
    ...tables,
    ...money,
    `CREATE TABLE ${NOISE_TABLE} (id bigint GENERATED ALWAYS AS IDENTITY, v text)`,
  ].join(';\n')
}
