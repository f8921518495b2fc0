/** Rows keep their identity through every kind of change, in one batch and cut into several. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SyncFixture, type SyncOptions } from '../support/sync-fixture.ts'
import { wrapSource } from '../support/wrapped-ports.ts'

const LARGE = `repeat('large', 2000)`
const MARKERS = [',3,', ',1,2,3,', '_unchanged', '__debezium_unavailable_value', '{"columnId":2}', 'NULL', '\\N', 'q']

interface Sequence {
  readonly name: string
  readonly steps: readonly string[]
  /** Rows that are left, in order of key. */
  readonly left: readonly (readonly [id: string, a: string | null, big: 'large' | 'other' | null])[]
}

const START = `INSERT INTO t VALUES (1, 'one', ${LARGE}), (2, 'two', ${LARGE} || '2'), (3, 'three', NULL)`
const ONE = ['1', 'one', 'large'] as const
const TWO = ['2', 'two', 'other'] as const
const THREE = ['3', 'three', null] as const

const SEQUENCES: readonly Sequence[] = [
  {
    name: 'two rows swap their keys in one transaction, with values that are not sent',
    steps: ['UPDATE t SET id = -1 WHERE id = 1; UPDATE t SET id = 1 WHERE id = 2; UPDATE t SET id = 2 WHERE id = -1'],
    left: [['1', 'two', 'other'], ['2', 'one', 'large'], THREE],
  },
  {
    name: 'three rows pass their keys on in a circle, and one is changed on the way',
    steps: [
      `UPDATE t SET id = -1 WHERE id = 1; UPDATE t SET id = 1 WHERE id = 2; UPDATE t SET a = 'way' WHERE id = 1;
       UPDATE t SET id = 2 WHERE id = 3; UPDATE t SET id = 3 WHERE id = -1`,
    ],
    left: [
      ['1', 'way', 'other'],
      ['2', 'three', null],
      ['3', 'one', 'large'],
    ],
  },
  {
    name: 'a key changes and the value that is not sent goes with it',
    steps: ['UPDATE t SET id = 10 WHERE id = 1'],
    left: [TWO, THREE, ['10', 'one', 'large']],
  },
  {
    name: 'a key changes there and back again',
    steps: ['UPDATE t SET id = 10 WHERE id = 1', 'UPDATE t SET id = 1 WHERE id = 10'],
    left: [ONE, TWO, THREE],
  },
  {
    name: 'a row moves to the key of a row that was deleted before',
    steps: ['DELETE FROM t WHERE id = 2', 'UPDATE t SET id = 2 WHERE id = 1'],
    left: [['2', 'one', 'large'], THREE],
  },
  {
    name: 'a row moves away and another one is inserted under its old key',
    steps: ['UPDATE t SET id = 10 WHERE id = 1', `INSERT INTO t VALUES (1, 'new', 'other')`],
    left: [['1', 'new', 'other'], TWO, THREE, ['10', 'one', 'large']],
  },
  {
    name: 'an update of other columns, then a delete',
    steps: [`UPDATE t SET a = 'changed' WHERE id = 1`, 'DELETE FROM t WHERE id = 1'],
    left: [TWO, THREE],
  },
  {
    name: 'a key changes, then the row is deleted',
    steps: ['UPDATE t SET id = 10 WHERE id = 1', 'DELETE FROM t WHERE id = 10'],
    left: [TWO, THREE],
  },
  {
    name: 'a delete and an insert of the same key',
    steps: ['DELETE FROM t WHERE id = 1', `INSERT INTO t VALUES (1, 'again', NULL)`],
    left: [['1', 'again', null], TWO, THREE],
  },
  {
    name: 'an insert, updates with and without the large value, a delete and an insert',
    steps: [
      `INSERT INTO t VALUES (4, 'a', ${LARGE})`,
      `UPDATE t SET a = 'b' WHERE id = 4`,
      `UPDATE t SET big = ${LARGE} || '2' WHERE id = 4`,
      'DELETE FROM t WHERE id = 4',
      `INSERT INTO t VALUES (4, 'c', ${LARGE})`,
      `UPDATE t SET a = 'd' WHERE id = 4`,
    ],
    left: [ONE, TWO, THREE, ['4', 'd', 'large']],
  },
  {
    name: 'a truncate between other changes',
    steps: [
      `UPDATE t SET a = 'lost' WHERE id = 1`,
      `INSERT INTO t VALUES (5, 'lost', NULL)`,
      'TRUNCATE t',
      `INSERT INTO t VALUES (1, 'after', NULL), (6, 'after', ${LARGE})`,
      `UPDATE t SET a = 'later' WHERE id = 6`,
    ],
    left: [
      ['1', 'after', null],
      ['6', 'later', 'large'],
    ],
  },
  {
    name: 'savepoints that are taken back leave nothing, and what surrounds them stays',
    steps: [
      `SAVEPOINT a; UPDATE t SET id = 20 WHERE id = 1; SAVEPOINT b; DELETE FROM t WHERE id = 2; ROLLBACK TO b;
       UPDATE t SET a = 'inner' WHERE id = 2; RELEASE a; SAVEPOINT c; TRUNCATE t; INSERT INTO t VALUES (9, 'no', NULL);
       ROLLBACK TO c; UPDATE t SET a = 'outer' WHERE id = 3`,
    ],
    left: [
      ['2', 'inner', 'other'],
      ['3', 'outer', null],
      ['20', 'one', 'large'],
    ],
  },
  {
    name: 'text that looks like a marker of ours',
    steps: MARKERS.map(
      (marker, index) => `INSERT INTO t VALUES (${100 + index}, E'${marker.replace('\\', '\\\\')}', ${LARGE})`,
    ).concat(`UPDATE t SET a = a || '' WHERE id >= 100`),
    left: [ONE, TWO, THREE, ...MARKERS.map((marker, index) => [String(100 + index), marker, 'large'] as const)],
  },
]

/** What an update does not send must be found in what is there. */
const NO_REREAD: SyncOptions = {
  wraps: {
    source: (source) =>
      wrapSource(source, {
        readRows: () => {
          throw new Error('no row has to be read again')
        },
      }),
  },
}

describe.each([
  ['each sequence in one transaction', 'transaction', false],
  ['each step in a transaction of its own, merged together', 'steps', false],
  ['each step merged by itself', 'runs', false],
  ['each step merged by itself, deleted rows removed', 'runs', true],
] as const)('%s', (_, cut, hardDelete) => {
  let fixture: SyncFixture

  // All sequences side by side, each in a schema of its own: a run costs more than a sequence.
  beforeAll(async () => {
    const schemas = SEQUENCES.map(
      (_sequence, index) => `CREATE SCHEMA s${index}; CREATE TABLE s${index}.t (id int PRIMARY KEY, a text, big text);
        ALTER TABLE s${index}.t ALTER big SET STORAGE EXTERNAL; SET search_path = s${index}; ${START};`,
    )
    fixture = await SyncFixture.create({
      sql: schemas.join('\n'),
      tables: SEQUENCES.map((_sequence, index) => ({ name: `s${index}.t`, hard_delete: hardDelete })),
      naming: 'copy_{namespace}.{table}',
    })
    await fixture.once()
    const longest = cut === 'transaction' ? 1 : Math.max(...SEQUENCES.map(({ steps }) => steps.length))
    for (let step = 0; step < longest; step++) {
      for (const [index, { steps }] of SEQUENCES.entries()) {
        const now = cut === 'transaction' ? steps.join('; ') : steps[step]
        if (now !== undefined) await fixture.sql(`BEGIN; SET LOCAL search_path = s${index}; ${now}; COMMIT`)
      }
      if (cut === 'runs') await fixture.once(NO_REREAD)
    }
    await fixture.once(NO_REREAD)
  })
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]()
  })

  test.each(SEQUENCES.map(({ name, left }, index) => [name, left, index] as const))(
    '%s',
    async (_name, left, index) => {
      const target = { namespace: `copy_s${index}`, name: 't' }
      const rows = await fixture.copied(
        `SELECT id::VARCHAR, a, CASE WHEN length(big) = 10000 THEN 'large' WHEN big IS NOT NULL THEN 'other' END
        FROM ${target.namespace}.t WHERE NOT _fivetran_deleted ORDER BY id`,
      )
      expect(rows).toEqual(left)
      expect(await fixture.differences({ namespace: `s${index}`, name: 't', key: ['id'], target })).toEqual([])
      if (hardDelete) {
        const [all] = await fixture.copied(`SELECT count(*)::VARCHAR FROM ${target.namespace}.t`)
        expect(all).toEqual([String(left.length)])
      }
    },
  )
})

test('a deleted row keeps its last values and its mark; a row that came and went in one batch leaves one too', async () => {
  await using fixture = await SyncFixture.create({
    sql: `CREATE TABLE t (id int PRIMARY KEY, a text, big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL; ${START}`,
    tables: ['public.t'],
  })
  await fixture.once()
  await fixture.sql(`
    UPDATE t SET a = 'last' WHERE id = 1; DELETE FROM t WHERE id = 1;
    INSERT INTO t VALUES (7, 'brief', ${LARGE}); DELETE FROM t WHERE id = 7`)
  await fixture.once()
  const rows = await fixture.copied(
    'SELECT id::VARCHAR, a, length(big)::VARCHAR FROM copy.t WHERE _fivetran_deleted ORDER BY id',
  )
  expect(rows).toEqual([
    ['1', 'last', '10000'],
    ['7', 'brief', '10000'],
  ])
})

test('rows are recognised by the index of the replica identity, by their content, or not at all', async () => {
  await using fixture = await SyncFixture.create({
    sql: `
      CREATE TABLE by_index (id int PRIMARY KEY, code text NOT NULL UNIQUE, big text);
      ALTER TABLE by_index ALTER big SET STORAGE EXTERNAL;
      ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_code_key;
      CREATE TABLE bag (a int, b text, big text); ALTER TABLE bag REPLICA IDENTITY FULL;
      ALTER TABLE bag ALTER big SET STORAGE EXTERNAL;
      CREATE TABLE journal (what text);
      INSERT INTO by_index VALUES (1, 'a', ${LARGE}), (2, 'b', NULL);
      INSERT INTO bag VALUES (1, 'x', ${LARGE}), (1, 'x', ${LARGE}), (1, 'x', ${LARGE}), (2, NULL, NULL), (NULL, NULL, NULL), (NULL, NULL, NULL);
      INSERT INTO journal VALUES ('before'), ('before')`,
    tables: ['public.by_index', 'public.bag', 'public.journal'],
  })
  await fixture.once()
  await fixture.sql(`
    UPDATE by_index SET id = 3 WHERE code = 'a'; UPDATE by_index SET code = 'c' WHERE code = 'b';
    DELETE FROM bag WHERE ctid = (SELECT ctid FROM bag WHERE a = 1 LIMIT 1);
    UPDATE bag SET b = 'y' WHERE ctid = (SELECT ctid FROM bag WHERE a = 1 LIMIT 1);
    DELETE FROM bag WHERE ctid = (SELECT ctid FROM bag WHERE a IS NULL LIMIT 1);
    INSERT INTO bag VALUES (2, NULL, NULL), (1, 'y', ${LARGE});
    INSERT INTO journal VALUES ('after'), ('before')`)
  await fixture.once()
  expect(
    await fixture.differences(
      { namespace: 'public', name: 'by_index', key: ['code'] },
      { namespace: 'public', name: 'bag', key: [] },
      { namespace: 'public', name: 'journal', key: [] },
    ),
  ).toEqual([])
})

test('names with capitals, dots, quotes and spaces, and columns that differ only by case', async () => {
  await using fixture = await SyncFixture.create({
    sql: `
      CREATE SCHEMA "My Shop.v2";
      CREATE TABLE "My Shop.v2"."Order ""Lines""" ("Id" int, id int, "select" text, "a""b" text, "Ümläut €" text, PRIMARY KEY ("Id", id));
      INSERT INTO "My Shop.v2"."Order ""Lines""" VALUES (1, 1, 's', 'q', 'u')`,
    tables: ['"My Shop.v2"."Order ""Lines"""'],
  })
  await fixture.once()
  await fixture.sql(`
    INSERT INTO "My Shop.v2"."Order ""Lines""" VALUES (1, 2, 'later', NULL, '€');
    UPDATE "My Shop.v2"."Order ""Lines""" SET "Id" = 5, "a""b" = 'moved' WHERE id = 1;
    ALTER TABLE "My Shop.v2"."Order ""Lines""" ADD COLUMN "New ""One""" text DEFAULT 'd';
    INSERT INTO "My Shop.v2"."Order ""Lines""" VALUES (2, 2, 'last', NULL, NULL, 'e')`)
  await fixture.once()
  expect(await fixture.differences({ namespace: 'My Shop.v2', name: 'Order "Lines"', key: ['Id', 'id'] })).toEqual([])
})
