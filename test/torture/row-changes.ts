/** Random changes of rows, as SQL: what a transaction is made of. */
import type pg from 'pg'
import type { Random } from './random.ts'
import { bigText, integerKey, randomValue, textKey, textLiteral } from './random-values.ts'
import { qualified, quoted, type WorldTable } from './world.ts'

export interface LiveColumn {
  readonly name: string
  readonly type: string
  readonly inKey: boolean
}

/** First key of the rows that large transactions make. */
const LARGE_KEY = 1_000_000

/** Columns that can be written, as the present transaction sees them. */
export async function liveColumns(client: pg.Client, table: WorldTable): Promise<readonly LiveColumn[]> {
  const { rows } = await client.query<{ name: string; type: string }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
      WHERE attrelid = ${textLiteral(qualified(table))}::regclass AND attnum > 0 AND NOT attisdropped
        AND attgenerated = '' AND attidentity = '' ORDER BY attnum`,
  )
  const key = new Set(keyColumns(table))
  return rows.map((row) => ({ ...row, inKey: key.has(row.name) }))
}

function keyColumns(table: WorldTable): readonly string[] {
  switch (table.key.kind) {
    case 'integer':
    case 'text':
      return [table.key.column]
    case 'pair':
      return table.key.columns
    case 'none':
      return []
  }
}

function keyValues(random: Random, table: WorldTable): readonly string[] {
  switch (table.key.kind) {
    case 'integer':
      return [String(integerKey(random))]
    case 'text':
      return [textLiteral(textKey(random))]
    case 'pair':
      return [String(random.integer(0, 7)), textLiteral(textKey(random))]
    case 'none':
      return []
  }
}

function keyList(table: WorldTable): string {
  return keyColumns(table).map(quoted).join(', ')
}

/** The row at or after a random key, so that changes mostly find one. */
function nearRow(random: Random, table: WorldTable): string {
  const name = qualified(table)
  if (table.key.kind === 'none')
    return `ctid = (SELECT ctid FROM ${name} WHERE a >= ${random.integer(0, 9)} ORDER BY a, b LIMIT 1)`
  const key = keyList(table)
  const from = keyValues(random, table).join(', ')
  return `(${key}) = (SELECT ${key} FROM ${name} WHERE (${key}) >= (${from}) ORDER BY ${key} LIMIT 1)`
}

function someRows(random: Random, table: WorldTable): string {
  switch (table.key.kind) {
    case 'integer': {
      const low = integerKey(random)
      return `${quoted(table.key.column)} BETWEEN ${low} AND ${low + random.integer(0, 60)}`
    }
    case 'text':
      return `${quoted(table.key.column)} LIKE ${textLiteral(`%${random.integer(0, 9)}`)}`
    case 'pair':
      return `${quoted(table.key.columns[0])} = ${random.integer(0, 7)}`
    case 'none':
      return `a = ${random.integer(0, 9)}`
  }
}

function isBig(column: LiveColumn, random: Random): boolean {
  return ['notes', 'picture', 'body', 'big', 'meta', 'c'].includes(column.name) && random.chance(0.6)
}

function insert(random: Random, table: WorldTable, columns: readonly LiveColumn[], ending: string): string {
  const used = columns.filter((column) => column.inKey || random.chance(0.75))
  const order = [...keyColumns(table), ...used.filter((column) => !column.inKey).map((column) => column.name)]
  const rows = Array.from({ length: random.chance(0.7) ? 1 : random.integer(2, 30) }, () => {
    const values = used.filter((column) => !column.inKey).map((column) => value(random, table, column))
    return `(${[...keyValues(random, table), ...values].join(', ')})`
  })
  if (order.length === 0) return `INSERT INTO ${qualified(table)} DEFAULT VALUES`
  return `INSERT INTO ${qualified(table)} (${order.map(quoted).join(', ')}) VALUES ${rows.join(', ')} ${ending}`
}

function value(random: Random, table: WorldTable, column: LiveColumn): string {
  // Few different rows, so that a bag holds some of them more than once.
  if (table.name === 'bag' && column.name !== 'c') return column.name === 'a' ? `${random.integer(0, 9)}` : 'NULL'
  if (column.name === 'owner') return `'${random.letters(5)}'`
  return randomValue(random, column.type, isBig(column, random))
}

function assignments(random: Random, table: WorldTable, columns: readonly LiveColumn[]): string | undefined {
  const free = columns.filter((column) => !column.inKey)
  if (free.length === 0) return undefined
  return random
    .sample(free, random.integer(1, 3))
    .map(
      (column) =>
        `${quoted(column.name)} = ${random.chance(0.05) ? quoted(column.name) : value(random, table, column)}`,
    )
    .join(', ')
}

async function someKeys(client: pg.Client, random: Random, table: WorldTable, count: number): Promise<string[][]> {
  const columns = keyColumns(table)
  const key = keyList(table)
  const from = keyValues(random, table).join(', ')
  const { rows } = await client.query<Record<string, string>>(
    `SELECT ${columns.map((column, index) => `${quoted(column)}::text AS k${index}`).join(', ')} FROM ${qualified(table)}
      WHERE (${key}) >= (${from}) ORDER BY ${key} LIMIT ${count}`,
  )
  return rows.map((row) => columns.map((_, index) => textLiteral(row[`k${index}`] ?? '')))
}

function rekey(table: WorldTable, from: readonly string[], to: readonly string[]): string {
  const columns = keyColumns(table)
  const set = columns.map((column, index) => `${quoted(column)} = ${to[index]}`).join(', ')
  const where = columns.map((column, index) => `${quoted(column)} = ${from[index]}`).join(' AND ')
  return `UPDATE ${qualified(table)} SET ${set} WHERE ${where}`
}

/** Two or three rows pass their keys on in a circle, over a key that exists only meanwhile. */
async function rotateKeys(client: pg.Client, random: Random, table: WorldTable): Promise<string[]> {
  const keys = await someKeys(client, random, table, random.integer(2, 3))
  const [first, ...others] = keys
  if (first === undefined || others.length === 0) return []
  const meanwhile = first.map((part, index) =>
    table.key.kind === 'text' || (table.key.kind === 'pair' && index === 1)
      ? textLiteral(`meanwhile ${random.letters(5)}`)
      : table.key.kind === 'integer'
        ? String(-random.integer(10_000, 30_000))
        : part,
  )
  const statements = [rekey(table, first, meanwhile)]
  for (const [index, key] of others.entries()) statements.push(rekey(table, key, keys[index] ?? first))
  statements.push(rekey(table, meanwhile, others.at(-1) ?? first))
  if (random.chance(0.25)) {
    const columns = (await liveColumns(client, table)).filter((column) => !column.inKey)
    const set = assignments(random, table, columns)
    if (set !== undefined)
      statements.splice(
        random.integer(1, statements.length - 1),
        0,
        `UPDATE ${qualified(table)} SET ${set} WHERE ${nearRow(random, table)}`,
      )
  }
  return statements
}

function shiftKeys(random: Random, table: WorldTable): string {
  const name = qualified(table)
  switch (table.key.kind) {
    case 'integer': {
      const by = random.pick([-1000, 1000, 7000])
      return `UPDATE ${name} SET ${quoted(table.key.column)} = ${quoted(table.key.column)} + ${by} WHERE ${someRows(random, table)}`
    }
    case 'text':
      return `UPDATE ${name} SET ${quoted(table.key.column)} = ${quoted(table.key.column)} || '.' WHERE ${someRows(random, table)}`
    case 'pair':
      return `UPDATE ${name} SET ${quoted(table.key.columns[0])} = ${random.integer(0, 7)} WHERE ${someRows(random, table)}`
    case 'none':
      return `UPDATE ${name} SET a = a + 1 WHERE ${someRows(random, table)}`
  }
}

/** One change of a few rows: the statements, in their order. */
export async function randomChange(client: pg.Client, random: Random, table: WorldTable): Promise<readonly string[]> {
  const columns = await liveColumns(client, table)
  const name = qualified(table)
  if (!table.changeable) return [random.chance(0.02) ? `TRUNCATE ${name}` : insert(random, table, columns, '')]
  const kind = random.weighted([
    ['insert', 30],
    ['upsert', 14],
    ['update', 25],
    ['update-many', 6],
    ['rotate', 8],
    ['move', 6],
    ['shift', 3],
    ['delete', 9],
    ['delete-many', 2],
    ['replace', 5],
    ['truncate', 0.6],
  ] as const)
  const keyless = table.key.kind === 'none'
  switch (kind) {
    case 'insert':
      return [insert(random, table, columns, 'ON CONFLICT DO NOTHING')]
    case 'upsert': {
      const changed = columns.find((column) => !column.inKey)
      if (keyless || changed === undefined) return [insert(random, table, columns, '')]
      const set = `${quoted(changed.name)} = EXCLUDED.${quoted(changed.name)}`
      return [insert(random, table, columns, `ON CONFLICT (${keyList(table)}) DO UPDATE SET ${set}`)]
    }
    case 'update':
    case 'update-many': {
      const set = assignments(random, table, columns)
      if (set === undefined) return []
      return [`UPDATE ${name} SET ${set} WHERE ${(kind === 'update' ? nearRow : someRows)(random, table)}`]
    }
    case 'rotate':
      return keyless ? [] : rotateKeys(client, random, table)
    case 'move': {
      if (keyless) return [shiftKeys(random, table)]
      const [from] = await someKeys(client, random, table, 1)
      return from === undefined ? [] : [rekey(table, from, keyValues(random, table))]
    }
    case 'shift':
      return [shiftKeys(random, table)]
    case 'delete':
      return [`DELETE FROM ${name} WHERE ${nearRow(random, table)}`]
    case 'delete-many':
      return [`DELETE FROM ${name} WHERE ${someRows(random, table)}`]
    case 'replace':
      return [
        `DELETE FROM ${name} WHERE ${someRows(random, table)}`,
        insert(random, table, columns, 'ON CONFLICT DO NOTHING'),
      ]
    case 'truncate':
      return [`TRUNCATE ${name}`]
  }
}

/** One change of many rows of `accounts`, up to `rows`. */
export function largeChange(random: Random, rows: number): string {
  const low = LARGE_KEY + random.integer(0, 5) * 1000
  const high = low + random.integer(Math.ceil(rows / 4), rows)
  return random.weighted([
    [
      `INSERT INTO accounts (id, owner, amount, notes) SELECT i, 'bulk ' || i, i % 100000, CASE WHEN i % 1000 = 0 THEN ${bigText(random)} END
        FROM generate_series(${low}, ${high}) i ON CONFLICT DO NOTHING`,
      5,
    ],
    [`UPDATE accounts SET score = coalesce(score, 0) + 1 WHERE id BETWEEN ${low} AND ${high}`, 3],
    [`UPDATE accounts SET id = id + 10000000 WHERE id BETWEEN ${low} AND ${high}`, 1],
    [`DELETE FROM accounts WHERE id >= ${LARGE_KEY}`, 3],
  ] as const)
}
