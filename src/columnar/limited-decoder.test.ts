import { expect, test } from 'vitest'
import { vectorValues } from '../../test/support/vector-values.ts'
import { copyTuple, int32 } from '../../test/support/wire-tuples.ts'
import { boundary } from '../core/position.ts'
import { columnTypeOf, type PostgresType } from './postgres-type.ts'
import { SnapshotBuilder } from './snapshot-builder.ts'

const LIMITS = {
  firstYear: 1,
  lastYear: 9999,
  hasEndOfDay: false,
  textBytes: 600,
  binaryBytes: 4,
  jsonDigits: 38,
}
const DIGITS = '12345678901234567890123456789012345678'

/** What a column of the type has of text forms, and what is in quarantine: `reason: raw`. */
function take(oid: number, name: string, texts: readonly string[]) {
  const builtIn = (typeOid: number, typeName: string): PostgresType => ({
    oid: typeOid,
    name: typeName,
    typmod: -1,
    kind: 'base',
    hasSend: true,
  })
  const types = [builtIn(23, 'int4'), builtIn(oid, name)]
  const columns = types.map((type, index) => ({
    id: index + 1,
    name: `col${index + 1}`,
    type: columnTypeOf(type),
    sourceType: type.name,
    nullable: true,
  }))
  const table = { source: 's', namespace: 'n', name: 't' }
  const schema = { table, columns, identity: { kind: 'key' as const, columnIds: [1] }, version: 1 }
  const wire = types.map((type, index) => ({ column: columns[index], type, binary: index === 0, limits: LIMITS }))
  const builder = new SnapshotBuilder(schema, wire, boundary(1, 1n))
  for (const [row, text] of texts.entries()) builder.appendTuple(copyTuple([int32(row), text]), 0)
  const { vectors, features } = builder.take()
  const column = (wanted: string) => {
    const vector = vectors.find((each) => each.name === wanted)
    return vector === undefined ? [] : vectorValues(vector)
  }
  const entries = column('_quarantine')
    .filter((entry) => entry !== null)
    .flatMap((entry) => JSON.parse(String(entry)) as { reason: string; raw: string; key: string }[])
  expect(entries).toHaveLength(features.quarantinedRows)
  return { kept: column('c2').map((value) => value !== null), entries }
}

test.each([
  ['date', 1082, ['0001-01-01', '9999-12-31'], ['0001-12-31 BC', '10000-01-01', '4713-01-01 BC'], 'date out of range'],
  [
    'timestamp',
    1114,
    ['0001-01-01 00:00:00', '9999-12-31 23:59:59.999999', '1969-12-31 23:59:59'],
    ['0001-12-31 23:59:59.999999 BC', '10000-01-01 00:00:00', '294246-12-31 00:00:00', '4713-01-01 00:00:00 BC'],
    'timestamp out of range',
  ],
  [
    'timestamptz',
    1184,
    ['9999-12-31 23:59:59.999999+00'],
    ['9999-12-31 23:59:59.999999-01', '0001-01-01 00:00:00+01'],
    'timestamp out of range',
  ],
  ['time', 1083, ['00:00:00', '23:59:59.999999'], ['24:00:00'], 'time 24:00:00'],
  ['text', 25, ['', 'é'.repeat(300)], ['é'.repeat(301), 'x'.repeat(601)], 'text too long'],
  ['bytea', 17, ['\\x', '\\x01020304'], ['\\x0102030405'], 'binary too long'],
  [
    'json',
    114,
    [
      DIGITS,
      `[-${DIGITS}, 1.5e10, 12345.678901234]`,
      `{"${DIGITS}9": "\\"${DIGITS}9"}`,
      `[${'1,'.repeat(100)}2]`,
      `0.${'0'.repeat(37)}`,
    ],
    [`${DIGITS}9`, `{"a": [0.${DIGITS}]}`, '[1.234567890123456e1]', '[1, 2, 3, 4, 1e400]'],
    'number too long in json',
  ],
])('a %s that the destination cannot hold is in quarantine as it is', (name, oid, held, refused, reason) => {
  const { kept, entries } = take(oid, name, [...held, ...refused])
  expect(kept).toEqual([...held.map(() => true), ...refused.map(() => false)])
  const cut = (raw: string) => (Buffer.byteLength(raw) > 500 ? expect.stringMatching(/… \(of \d+ characters\)$/) : raw)
  expect(entries).toEqual(
    refused.map((raw, index) => ({ columnId: 2, reason, raw: cut(raw), key: `["${held.length + index}"]` })),
  )
})
