/** Tables are altered while their changes are followed; in the end both sides have the same columns and values. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type SyncEnd, SyncFixture } from '../support/sync-fixture.ts'

interface Sequence {
  readonly name: string
  readonly steps: readonly string[]
  /** Rows may have got values that no change tells: the table is read again. */
  readonly isReadAgain?: boolean
  /** Query on the copy `t` → rows, where the comparison of both sides does not say it all. */
  readonly also?: readonly [sql: string, rows: readonly (readonly (string | null)[])[]]
}

const START = `CREATE TABLE t (id int PRIMARY KEY, a text, b text, n int);
  INSERT INTO t SELECT i, 'a' || i, 'b' || i, i FROM generate_series(1, 5) i`
const TOUCH = `UPDATE t SET n = n + 10 WHERE id = 2; INSERT INTO t (id, n) VALUES (100, 1) ON CONFLICT (id) DO UPDATE SET n = t.n + 1`

const SEQUENCES: readonly Sequence[] = [
  {
    name: 'a column is added with a constant default: rows from before have it too',
    steps: [`ALTER TABLE t ADD c text NOT NULL DEFAULT 'constant'`, TOUCH],
  },
  {
    name: 'columns of many types are added with constant defaults',
    isReadAgain: true,
    steps: [
      `ALTER TABLE t ADD c1 int[] DEFAULT '{1,NULL}', ADD c2 bytea DEFAULT '\\x00ff27', ADD c3 timestamptz DEFAULT '2024-01-02 03:04:05.6+07',
         ADD c4 jsonb DEFAULT '{"a": [1, "it''s"]}', ADD c5 numeric(10,2) DEFAULT -1.5, ADD c6 boolean DEFAULT true, ADD c7 text DEFAULT 'it''s "\\"',
         ADD c8 text[] DEFAULT '{"a b",NULL,"NULL"}', ADD c9 float8 DEFAULT 'Infinity', ADD c10 numeric DEFAULT 'NaN', ADD c11 uuid DEFAULT '8a6e0804-2bd0-4672-b79d-d97027f9071a',
         ADD c12 time DEFAULT '24:00:00', ADD c13 numeric(5,2) DEFAULT 'NaN'`,
      TOUCH,
    ],
  },
  {
    name: 'a constant default, then another default for later rows',
    steps: [
      `ALTER TABLE t ADD c int DEFAULT 7`,
      `ALTER TABLE t ALTER c SET DEFAULT 8`,
      `${TOUCH}; INSERT INTO t (id) VALUES (200)`,
    ],
  },
  {
    name: 'a column without a default',
    steps: ['ALTER TABLE t ADD c timestamptz', `${TOUCH}; UPDATE t SET c = '2024-01-02 03:04:05.6+00' WHERE id = 1`],
  },
  {
    name: 'a column with a volatile default: every row gets its own value',
    isReadAgain: true,
    steps: ['ALTER TABLE t ADD c uuid DEFAULT gen_random_uuid()', TOUCH],
  },
  {
    name: 'a column that is added, and no row changes before the next run',
    steps: [`ALTER TABLE t ADD c int DEFAULT 5`, 'SELECT 1', 'SELECT 1', `UPDATE t SET n = 0 WHERE id = 3`],
  },
  {
    name: 'a column with a volatile default, and no row changes before the next run',
    isReadAgain: true,
    steps: ['ALTER TABLE t ADD c float8 DEFAULT random()', 'SELECT 1', 'SELECT 1', `UPDATE t SET n = 0 WHERE id = 3`],
  },
  {
    name: 'a rewritten table: the type of a column changes, and its values with it',
    isReadAgain: true,
    steps: [`ALTER TABLE t ALTER n TYPE int USING n * 100`, TOUCH],
  },
  {
    name: 'a number becomes text',
    isReadAgain: true,
    steps: [`ALTER TABLE t ALTER n TYPE text USING 'no. ' || n`, `UPDATE t SET n = 'changed' WHERE id = 1`],
  },
  {
    name: 'types are widened',
    isReadAgain: true,
    steps: [
      'ALTER TABLE t ADD s smallint DEFAULT 3; ALTER TABLE t ADD d numeric(6,2) DEFAULT 1.25; ALTER TABLE t ADD v varchar(3)',
      TOUCH,
      'ALTER TABLE t ALTER n TYPE bigint; ALTER TABLE t ALTER s TYPE int; ALTER TABLE t ALTER d TYPE numeric(12,4); ALTER TABLE t ALTER v TYPE text',
      `UPDATE t SET n = 9000000000, s = 100000, d = 12345678.1234, v = 'longer' WHERE id = 4`,
    ],
  },
  {
    name: 'a column is renamed',
    steps: ['ALTER TABLE t RENAME a TO renamed', TOUCH],
  },
  {
    name: 'two renames swap the names of two columns',
    steps: [
      TOUCH,
      `ALTER TABLE t RENAME a TO x; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME x TO b`,
      `${TOUCH}; UPDATE t SET a = 'was b', b = 'was a' WHERE id = 1`,
    ],
  },
  {
    name: 'a column is renamed, and a new one gets its old name',
    steps: [
      `ALTER TABLE t RENAME a TO old; ALTER TABLE t ADD a text DEFAULT 'new'`,
      `${TOUCH}; UPDATE t SET old = 'o' WHERE id = 3`,
    ],
  },
  {
    name: 'a column is dropped: it stays at the destination, NULL for what changes from then on',
    steps: ['ALTER TABLE t DROP b', `UPDATE t SET n = 0 WHERE id = 1; INSERT INTO t (id) VALUES (300)`],
    also: [
      `SELECT id::VARCHAR, b FROM t WHERE id IN (2, 300) ORDER BY id`,
      [
        ['2', 'b2'],
        ['300', null],
      ],
    ],
  },
  {
    name: 'a column is dropped and added again under the same name with another type',
    steps: ['ALTER TABLE t DROP b', TOUCH, 'ALTER TABLE t ADD b int DEFAULT 4', TOUCH],
  },
  {
    name: 'a column is added, dropped and added again with another type and default, with changes between',
    isReadAgain: true,
    steps: [
      `ALTER TABLE t ADD c real; UPDATE t SET c = 1.5 WHERE id < 4`,
      `ALTER TABLE t DROP c; ALTER TABLE t ADD c boolean DEFAULT false; UPDATE t SET c = true WHERE id = 2`,
    ],
  },
  {
    name: 'columns come and go between changes in one transaction',
    steps: [
      `UPDATE t SET a = 'before' WHERE id = 1; ALTER TABLE t ADD c int DEFAULT 1; UPDATE t SET c = 2 WHERE id = 1;
       ALTER TABLE t RENAME c TO d; UPDATE t SET d = 3 WHERE id = 2; ALTER TABLE t DROP a; DELETE FROM t WHERE id = 5;
       ALTER TABLE t ADD a text DEFAULT 'again'; INSERT INTO t (id, d) VALUES (400, 9)`,
      TOUCH,
    ],
  },
  {
    name: 'a column with a constant default, and no row ever changes',
    steps: [`ALTER TABLE t ADD c int NOT NULL DEFAULT 5`],
  },
  {
    name: 'a column with a volatile default, and no row ever changes',
    isReadAgain: true,
    steps: ['ALTER TABLE t ADD c float8 DEFAULT random()'],
  },
  {
    name: 'rows change, then columns are renamed and dropped, and no row changes after it',
    steps: [TOUCH, 'ALTER TABLE t RENAME a TO z; ALTER TABLE t DROP b; ALTER TABLE t ALTER n TYPE int'],
  },
  {
    name: 'an alteration that is rolled back',
    steps: [
      `SAVEPOINT s; ALTER TABLE t ADD c int DEFAULT 1; UPDATE t SET c = 2 WHERE id = 1; ALTER TABLE t RENAME b TO z;
       INSERT INTO t (id, c) VALUES (500, 1); ROLLBACK TO s; UPDATE t SET b = 'kept' WHERE id = 2`,
      TOUCH,
    ],
  },
  {
    name: 'an alteration within a transaction that is sent before its commit',
    steps: [
      `INSERT INTO t (id, a) SELECT i, repeat('x', 500) FROM generate_series(1000, 1500) i; ALTER TABLE t ADD c int DEFAULT 6;
       INSERT INTO t (id, a) SELECT i, repeat('y', 500) FROM generate_series(2000, 2500) i; UPDATE t SET b = 'all'`,
      TOUCH,
    ],
  },
]

/** It is not promised that these get by without. */
const MAY_BE_READ_AGAIN: readonly string[] = [
  'a column is renamed, and a new one gets its old name',
  'columns come and go between changes in one transaction',
]

function failures({ summary }: SyncEnd): readonly unknown[] {
  return summary.tables.filter((table) => table.state !== 'live')
}

describe.each([
  ['all changes at once', false],
  ['each step merged by itself', true],
] as const)('%s', (_, runEach) => {
  let fixture: SyncFixture
  const readAgain = new Set<string>()
  /** What else a run said: it explains why a table was read again. */
  const told: unknown[] = []

  async function run(): Promise<void> {
    const end = await fixture.once()
    expect(failures(end)).toEqual([])
    for (const event of end.events) {
      if (event.event === 'state' && event.state === 'snapshotting') readAgain.add(event.table)
      if (['state', 'schema', 'retry', 'notice'].includes(event.event)) told.push(event)
    }
  }

  beforeAll(async () => {
    fixture = await SyncFixture.create({
      sql: SEQUENCES.map((_sequence, index) => `CREATE SCHEMA s${index}; SET search_path = s${index}; ${START};`).join(
        '\n',
      ),
      tables: SEQUENCES.map((_sequence, index) => `s${index}.t`),
      naming: 'copy_{namespace}.{table}',
    })
    await fixture.sql(`ALTER DATABASE ${fixture.database.name} SET logical_decoding_work_mem = '64kB'`)
    await fixture.once()
    for (let step = 0; step < 4; step++) {
      for (const [index, { steps }] of SEQUENCES.entries()) {
        if (steps[step] !== undefined)
          await fixture.sql(`BEGIN; SET LOCAL search_path = s${index}; ${steps[step]}; COMMIT`)
      }
      if (runEach) await run()
    }
    await run()
  })
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]()
  })

  test.each(SEQUENCES.map((sequence, index) => [sequence.name, sequence, index] as const))(
    '%s',
    async (_name, sequence, index) => {
      const target = { namespace: `copy_s${index}`, name: 't' }
      expect(await fixture.differences({ namespace: `s${index}`, name: 't', key: ['id'], target })).toEqual([])
      if (sequence.isReadAgain !== undefined) expect(readAgain).toContain(`s${index}.t`)
      else if (!MAY_BE_READ_AGAIN.includes(sequence.name))
        expect(readAgain, JSON.stringify(told)).not.toContain(`s${index}.t`)
      if (sequence.also !== undefined) {
        const [sql, rows] = sequence.also
        expect(await fixture.copied(sql.replace('FROM t', `FROM ${target.namespace}.t`))).toEqual(rows)
      }
    },
  )
})

test('rows without a key are found again after every alteration', async () => {
  const alterations = [
    'ADD c int DEFAULT 3',
    'ADD c int',
    'ADD c float8 DEFAULT random()',
    'DROP b',
    'RENAME a TO renamed',
    'ALTER a TYPE bigint',
    'ALTER v TYPE text',
  ]
  const names = alterations.map((_alteration, index) => `bag_${index}`)
  await using fixture = await SyncFixture.create({
    sql: names
      .map(
        (name) => `CREATE TABLE ${name} (a int, b text, v varchar(5)); ALTER TABLE ${name} REPLICA IDENTITY FULL;
          INSERT INTO ${name} SELECT i % 3, 'x', 'v' FROM generate_series(1, 12) i`,
      )
      .join(';'),
    tables: names.map((name) => `public.${name}`),
  })
  await fixture.once()
  for (const [index, alteration] of alterations.entries()) {
    const some = `ctid IN (SELECT ctid FROM bag_${index} LIMIT 2)`
    await fixture.sql(`ALTER TABLE bag_${index} ${alteration}; DELETE FROM bag_${index} WHERE ${some};
      UPDATE bag_${index} SET v = 'w' WHERE ${some}; INSERT INTO bag_${index} (v) VALUES ('v')`)
  }
  expect(failures(await fixture.once())).toEqual([])
  expect(await fixture.differences(...names.map((name) => ({ namespace: 'public', name, key: [] })))).toEqual([])
})
