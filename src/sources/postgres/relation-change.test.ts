import { describe, expect, test } from 'vitest'
import { columnsOf, follow, type Given, TYPES, wireOf } from '../../../test/support/relation-scene.ts'
import { storageFingerprint } from './storage-fingerprint.ts'

interface Case extends Given {
  readonly what: string
  readonly columns: string
  readonly changes: readonly string[]
  readonly rewritten?: boolean
  readonly exact?: boolean
}

const CASES: readonly Case[] = [
  {
    what: 'nothing changed',
    known: '1:id 2:a',
    message: 'id a',
    catalog: '1:id 2:a',
    columns: '1:id 2:a',
    changes: [],
  },
  {
    what: 'a column without default was added',
    known: '1:id',
    message: 'id b',
    catalog: '1:id 2:b',
    columns: '1:id 2:b',
    changes: ['added column b text'],
  },
  {
    what: 'a column with a constant default was added',
    known: '1:id',
    message: 'id b',
    catalog: '1:id 2:b',
    missing: { b: 'x' },
    defaults: ['b'],
    storage: 'unknown',
    columns: '1:id 2:b',
    changes: ['added column b text'],
  },
  {
    what: 'a column with a constant default was added to a bag, whose rows are known by their content',
    knownIdentity: { kind: 'bag' },
    replicaIdentity: 'f',
    known: '1:id',
    message: 'id b',
    catalog: '1:id 2:b',
    missing: { b: 'x' },
    defaults: ['b'],
    storage: 'same',
    columns: '1:id 2:b',
    changes: ['added column b text'],
    rewritten: true,
  },
  {
    what: 'a column was added and dropped unseen, and added again under its name, which the message may be before or after',
    known: '1:id',
    message: 'id b',
    catalog: '1:id 2:!b 3:b',
    missing: { b: 'x' },
    defaults: ['b'],
    storage: 'same',
    columns: '1:id 3:b',
    changes: ['added column b text'],
    rewritten: true,
  },
  {
    what: 'a column of a bag was dropped',
    knownIdentity: { kind: 'bag' },
    replicaIdentity: 'f',
    known: '1:id 2:a',
    message: 'id',
    catalog: '1:id 2:!a',
    storage: 'same',
    columns: '1:id',
    changes: ['dropped column a'],
    rewritten: true,
  },
  {
    what: 'a column with a volatile default was added',
    known: '1:id',
    message: 'id b',
    catalog: '1:id 2:b',
    defaults: ['b'],
    storage: 'anew',
    columns: '1:id 2:b',
    changes: ['added column b text'],
    rewritten: true,
  },
  {
    what: 'a column with a default was added, and it is not known how the table was stored before',
    known: '1:id',
    message: 'id b',
    catalog: '1:id 2:b',
    defaults: ['b'],
    storage: 'unknown',
    columns: '1:id 2:b',
    changes: ['added column b text'],
    rewritten: true,
  },
  {
    what: 'a column was dropped',
    known: '1:id 2:a 3:b',
    message: 'id b',
    catalog: '1:id 2:!a 3:b',
    columns: '1:id 3:b',
    changes: ['dropped column a'],
  },
  {
    what: 'a column was dropped, but the message is from before',
    known: '1:id 2:a 3:b',
    message: 'id a b',
    catalog: '1:id 2:!a 3:b',
    columns: '1:id 2:a 3:b',
    changes: [],
    exact: false,
  },
  {
    what: 'a column was renamed',
    known: '1:id 2:a',
    message: 'id b',
    catalog: '1:id 2:b',
    columns: '1:id 2:b',
    changes: ['renamed column a to b'],
  },
  {
    what: 'a column was renamed, but the message is from before',
    known: '1:id 2:a',
    message: 'id a',
    catalog: '1:id 2:b',
    columns: '1:id 2:a',
    changes: [],
    exact: false,
  },
  {
    what: 'a column was renamed twice, and the message is from between',
    known: '1:id 2:a',
    message: 'id b',
    catalog: '1:id 2:c',
    columns: '1:id 2:b',
    changes: ['renamed column a to b'],
    rewritten: true,
    exact: false,
  },
  {
    what: 'two columns swapped their names',
    known: '1:id 2:a 3:b',
    message: 'id b a',
    catalog: '1:id 2:b 3:a',
    columns: '1:id 2:b 3:a',
    changes: ['renamed column a to b', 'renamed column b to a'],
  },
  {
    what: 'two columns swapped their names, but the message is from before',
    known: '1:id 2:a 3:b',
    message: 'id a b',
    catalog: '1:id 2:b 3:a',
    columns: '1:id 2:a 3:b',
    changes: [],
    exact: false,
  },
  {
    what: 'three columns passed their names on in a circle',
    known: '1:id 2:a 3:b 4:c',
    message: 'id c a b',
    catalog: '1:id 2:c 3:a 4:b',
    columns: '1:id 2:c 3:a 4:b',
    changes: ['renamed column a to c', 'renamed column b to a', 'renamed column c to b'],
  },
  {
    what: 'a column was dropped and another one renamed to its name',
    known: '1:id 2:a 3:b',
    message: 'id a',
    catalog: '1:id 2:!a 3:a',
    columns: '1:id 3:a',
    changes: ['renamed column b to a', 'dropped column a'],
  },
  {
    what: 'a column was dropped and added again under its name, and nothing in the message tells',
    known: '1:id 2:a',
    message: 'id a',
    catalog: '1:id 2:!a 3:a',
    columns: '1:id 3:a',
    changes: ['added column a text', 'dropped column a'],
    rewritten: true,
  },
  {
    what: 'a column was dropped and added again under its name, but the message is from before, as its order shows',
    known: '1:id 2:a 3:b',
    message: 'id a b',
    catalog: '1:id 2:!a 3:b 4:a',
    columns: '1:id 2:a 3:b',
    changes: [],
    exact: false,
  },
  {
    what: 'a column came and went before its message was read',
    known: '1:id 2:a',
    message: 'id a x',
    catalog: '1:id 2:a 3:!x',
    columns: '1:id 2:a',
    changes: ['left out column x: it was dropped again or renamed before it could be placed'],
    rewritten: true,
    exact: false,
  },
  {
    what: 'a column was added by a transaction that nobody else sees yet',
    known: '1:id 2:a',
    message: 'id a x',
    catalog: '1:id 2:a',
    columns: '1:id 2:a',
    changes: ['left out column x: it was dropped again or renamed before it could be placed'],
    rewritten: true,
    exact: false,
  },
  {
    what: 'a column was dropped by a transaction that nobody else sees yet',
    known: '1:id 2:a',
    message: 'id',
    catalog: '1:id 2:a',
    columns: '1:id',
    changes: ['column a is not published'],
    exact: false,
  },
  {
    what: 'a type changed, and the table was rewritten',
    known: '1:id 2:a',
    message: 'id a/int8',
    catalog: '1:id 2:a/int8',
    storage: 'anew',
    columns: '1:id 2:a',
    changes: ['changed type of column a from text to bigint'],
    rewritten: true,
  },
  {
    what: 'a type changed without a rewrite',
    known: '1:id 2:a/int8',
    message: 'id a',
    catalog: '1:id 2:a',
    columns: '1:id 2:a',
    changes: ['changed type of column a from bigint to text'],
  },
  {
    what: 'a type changed, but the message is from before',
    known: '1:id 2:a',
    message: 'id a',
    catalog: '1:id 2:a/int8',
    columns: '1:id 2:a',
    changes: [],
    exact: false,
  },
  {
    what: 'rows were rewritten under the same description',
    known: '1:id 2:a',
    message: 'id a',
    catalog: '1:id 2:a',
    storage: 'anew',
    written: ['a'],
    columns: '1:id 2:a',
    changes: ['rows were rewritten'],
    rewritten: true,
  },
  {
    what: 'the table got a new file, but no column was touched (VACUUM FULL, TRUNCATE)',
    known: '1:id 2:a',
    message: 'id a',
    catalog: '1:id 2:a',
    storage: 'anew',
    columns: '1:id 2:a',
    changes: [],
  },
  {
    what: 'a column may be NULL now',
    known: '1:id 2:n',
    wasNotNull: ['n'],
    message: 'id n',
    catalog: '1:id 2:n',
    columns: '1:id 2:n',
    changes: ['column n may be NULL'],
  },
  {
    what: 'an excluded column is not in the way',
    known: '1:id 3:b',
    message: 'id secret b',
    catalog: '1:id 2:secret 3:b',
    exclude: ['secret'],
    columns: '1:id 3:b',
    changes: [],
  },
  {
    what: 'an excluded column was renamed',
    known: '1:id 3:b',
    message: 'id note b',
    catalog: '1:id 2:note 3:b',
    exclude: ['secret'],
    leftOut: [2],
    columns: '1:id 3:b',
    changes: ['an excluded column is called note now and stays excluded'],
  },
  {
    what: 'a column is published again that was not',
    known: '1:id 3:b',
    message: 'id a b',
    catalog: '1:id 2:a 3:b',
    columns: '1:id 2:a 3:b',
    changes: ['added column a text'],
    rewritten: true,
  },
]

test.each(CASES)('$what', (given) => {
  const change = follow(given)
  expect(columnsOf(change)).toBe(given.columns)
  expect(change.changes).toEqual(given.changes)
  expect(change.rewritten).toBe(given.rewritten ?? false)
  expect(change.exact).toBe(given.exact ?? true)
  expect(change.failure).toBeUndefined()
  expect(change.schema.version).toBe(given.changes.length > 0 ? 4 : 3)
})

test('values go to the columns that they belong to', () => {
  expect(wireOf(follow({ known: '1:id 2:a 3:b', message: 'id b a', catalog: '1:id 2:b 3:a' }))).toEqual([1, 2, 3])
  expect(wireOf(follow({ known: '1:id 2:a', message: 'id x a', catalog: '1:id 2:a 3:!x' }))).toEqual([1, 0, 2])
  expect(wireOf(follow({ known: '1:id 3:b', message: 'id s b', catalog: '1:id 2:s 3:b', exclude: ['s'] }))).toEqual([
    1, 0, 3,
  ])
})

test('the same message again changes nothing, whatever the first time changed', () => {
  for (const given of CASES) {
    const first = follow(given)
    const known = first.schema.columns
      .map(
        (column) =>
          `${column.id}:${column.name}/${Object.keys(TYPES).find((type) => TYPES[type]!.sql === column.sourceType)}`,
      )
      .join(' ')
    const again = follow({ ...given, known, wasNotNull: [], storage: 'same', leftOut: [...first.leftOut] })
    const left = given.changes.filter((change) => /^(left out|an excluded)/.test(change))
    expect(again.changes, given.what).toEqual(left)
  }
})

test('a rewrite that is seen too early is kept in mind until its message comes', () => {
  // The column with a volatile default is there already; rows from before it are still to be read.
  const ahead = { catalog: '1:id 2:a 3:c', defaults: ['c'], storage: 'anew' as const }
  const early = follow({ ...ahead, known: '1:id 2:a', message: 'id a' })
  expect(early).toMatchObject({ changes: [], rewritten: false })
  expect(early.schema.fingerprint).toBe(storageFingerprint(1, 'f1', 1000).text)
  const later = follow({ ...ahead, known: '1:id 2:a', message: 'id a c' })
  expect(later).toMatchObject({ rewritten: true })
  expect(later.schema.fingerprint).toBe(storageFingerprint(1, 'f2', 3000).text)
})

describe('what rows are recognised by', () => {
  const table = { known: '1:id 2:a', message: 'id a', catalog: '1:id 2:a' }
  const cases: readonly (Partial<Given> & { readonly what: string; readonly lost: boolean })[] = [
    { what: 'the primary key moved to another column', identity: ['a'], lost: true },
    { what: 'the primary key took in another column', identity: ['id', 'a'], lost: true },
    { what: 'the primary key was dropped', identity: [], lost: true },
    { what: 'the replica identity became NOTHING', replicaIdentity: 'n', identity: [], lost: true },
    { what: 'the replica identity became FULL', replicaIdentity: 'f', identity: ['id', 'a'], lost: false },
    {
      what: 'it became FULL, and the key was dropped',
      replicaIdentity: 'f',
      identity: ['id', 'a'],
      key: null,
      lost: true,
    },
    { what: 'it became an index over the same column', replicaIdentity: 'i', lost: false },
    {
      what: 'a bag stays FULL',
      knownIdentity: { kind: 'bag' },
      replicaIdentity: 'f',
      identity: ['id', 'a'],
      key: null,
      lost: false,
    },
    { what: 'a bag is not FULL any more', knownIdentity: { kind: 'bag' }, replicaIdentity: 'd', lost: true },
    { what: 'a table that only grows got a key', knownIdentity: { kind: 'append' }, lost: false },
    {
      what: 'a key column was renamed',
      message: 'key/int4 a',
      catalog: '1:key/int4 2:a',
      identity: ['key'],
      key: ['key'],
      lost: false,
    },
  ]
  test.each(cases)('$what', ({ lost, what: _, ...given }) => {
    const change = follow({ ...table, ...given })
    if (lost) expect(change.failure).toMatchObject({ code: 'source_gap', context: { table: 'public.t' } })
    else expect(change.failure).toBeUndefined()
  })
})
