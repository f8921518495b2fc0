/** Changes tables under way: columns that come, go, are renamed and widened, rewrites, and all of it undone again. */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Random } from './random.ts'
import { randomValue, textLiteral } from './random-values.ts'
import { liveColumns, randomChange } from './row-changes.ts'
import type { StatementLog } from './statement-log.ts'
import { qualified, quoted, WORLD, type WorldTable } from './world.ts'
import { connectWriter, execute } from './writer.ts'

export interface AltererOptions {
  readonly url: string
  readonly name: string
  readonly random: Random
  readonly log: StatementLog
  readonly signal: AbortSignal
  readonly pauseMs: number
}

/** Columns of the alterer's own begin so: only these are dropped, renamed and widened. */
const OWN = 'x '

const TYPES = [
  'smallint',
  'integer',
  'real',
  'numeric(8,2)',
  'character varying(50)',
  'text',
  'boolean',
  'jsonb',
  'date',
] as const

const WIDER: Readonly<Record<string, string>> = {
  smallint: 'integer',
  integer: 'bigint',
  real: 'double precision',
  'numeric(8,2)': 'numeric(14,2)',
  'numeric(14,2)': 'numeric(20,4)',
  'character varying(50)': 'text',
}

const VOLATILE: Readonly<Record<string, string>> = {
  integer: '(random() * 1000)::int',
  real: 'random()::real',
  text: 'gen_random_uuid()::text',
  date: `(clock_timestamp() - random() * interval '900 days')::date`,
}

export async function runAlterer(options: AltererOptions): Promise<void> {
  const { random, signal, pauseMs } = options
  const client = await connectWriter(options.url)
  const alterable = WORLD.filter((table) => table.alterable)
  try {
    while (!signal.aborted) {
      await delay(random.next() * 2 * pauseMs, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) break
      const table = random.pick(alterable)
      if (random.chance(0.12)) {
        const maintenance = random.pick(['VACUUM FULL', 'VACUUM', 'ANALYZE'])
        await ignoringRefusals(() => execute(client, options, `${maintenance} ${qualified(random.pick(WORLD))}`))
      } else {
        await alter(client, options, table)
      }
    }
  } finally {
    await client.end()
  }
}

/** One transaction with one to three alterations and changes of rows between them. */
async function alter(client: pg.Client, options: AltererOptions, table: WorldTable): Promise<void> {
  const { random } = options
  const run = (sql: string) => execute(client, options, sql)
  await ignoringRefusals(async () => {
    await run('BEGIN')
    for (
      let step = random.weighted([
        [1, 6],
        [2, 2],
        [3, 1],
      ] as const);
      step > 0;
      step--
    ) {
      if (random.chance(0.3)) for (const sql of await randomChange(client, random, table)) await run(sql)
      for (const sql of await randomAlteration(client, random, table)) await run(sql)
      if (random.chance(0.4)) for (const sql of await randomChange(client, random, table)) await run(sql)
    }
    await run(random.chance(0.85) ? 'COMMIT' : 'ROLLBACK')
  })
  await client.query('ROLLBACK')
}

async function randomAlteration(client: pg.Client, random: Random, table: WorldTable): Promise<readonly string[]> {
  const alterTable = `ALTER TABLE ${qualified(table)}`
  const own = (await liveColumns(client, table)).filter((column) => column.name.startsWith(OWN))
  const fresh = quoted(`${OWN}${random.integer(1, 9)}`)
  const kind =
    own.length > 6
      ? 'drop'
      : random.weighted([
          ['add', 5],
          ['add-constant', 5],
          ['add-volatile', 2],
          ['drop', 3],
          ['rename', 3],
          ['swap', 2],
          ['widen', 4],
          ['convert', 1],
          ['default', 1],
          ['replace', 2],
          ['nothing', 1],
        ] as const)
  const type = random.pick(TYPES)
  const [a, b] = random.sample(own, 2)
  switch (kind) {
    case 'add':
      return [`${alterTable} ADD COLUMN ${fresh} ${type}`]
    case 'add-constant': {
      const constant = randomValue(random, type)
      const notNull = constant !== 'NULL' && random.chance(0.4) ? 'NOT NULL' : ''
      return [`${alterTable} ADD COLUMN ${fresh} ${type} ${notNull} DEFAULT ${constant}`]
    }
    case 'add-volatile': {
      const volatile = random.pick(Object.keys(VOLATILE))
      return [`${alterTable} ADD COLUMN ${fresh} ${volatile} DEFAULT ${VOLATILE[volatile]}`]
    }
    case 'drop':
      return a === undefined ? [] : [`${alterTable} DROP COLUMN ${quoted(a.name)}`]
    case 'rename':
      return a === undefined ? [] : [`${alterTable} RENAME COLUMN ${quoted(a.name)} TO ${fresh}`]
    case 'swap': {
      if (a === undefined || b === undefined) return []
      return [
        `${alterTable} RENAME COLUMN ${quoted(a.name)} TO "x meanwhile"`,
        `${alterTable} RENAME COLUMN ${quoted(b.name)} TO ${quoted(a.name)}`,
        `${alterTable} RENAME COLUMN "x meanwhile" TO ${quoted(b.name)}`,
      ]
    }
    case 'widen': {
      const narrow = own.find((column) => WIDER[column.type] !== undefined)
      if (narrow === undefined) return []
      return [`${alterTable} ALTER COLUMN ${quoted(narrow.name)} TYPE ${WIDER[narrow.type]}`]
    }
    case 'convert': {
      const number = own.find((column) => ['smallint', 'integer', 'bigint'].includes(column.type))
      if (number === undefined) return []
      const name = quoted(number.name)
      // The default would stand in the way.
      return [
        `${alterTable} ALTER COLUMN ${name} DROP DEFAULT`,
        `${alterTable} ALTER COLUMN ${name} TYPE text USING 'no. ' || ${name}`,
      ]
    }
    case 'default':
      return a === undefined
        ? []
        : [`${alterTable} ALTER COLUMN ${quoted(a.name)} SET DEFAULT ${randomValue(random, a.type)}`]
    case 'replace': {
      if (a === undefined) return []
      const constant = random.chance(0.5) ? `DEFAULT ${randomValue(random, type)}` : ''
      return [
        `${alterTable} DROP COLUMN ${quoted(a.name)}`,
        `${alterTable} ADD COLUMN ${quoted(a.name)} ${type} ${constant}`,
      ]
    }
    case 'nothing':
      return [`COMMENT ON TABLE ${qualified(table)} IS ${textLiteral(random.letters(5))}`]
  }
}

async function ignoringRefusals(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error
  }
}
