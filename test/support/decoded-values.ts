/** One column decoded on its own, from both wire forms. */
import { expect } from 'vitest'
import { columnTypeOf, hasBinaryDecoder, type PostgresType } from '../../src/columnar/postgres-type.ts'
import { SnapshotBuilder } from '../../src/columnar/snapshot-builder.ts'
import type { QuarantinedValue } from '../../src/core/batch.ts'
import { boundary } from '../../src/core/position.ts'
import type { ColumnType } from '../../src/core/table-schema.ts'
import type { TestDatabase } from './postgres.ts'
import { vectorValues } from './vector-values.ts'
import { copyTuple } from './wire-tuples.ts'
import { describeType, readWireValues } from './wire-values.ts'

export interface Decoded {
  readonly values: unknown[]
  readonly quarantined: { row: number; entry: QuarantinedValue }[]
}

export function decode(
  type: PostgresType,
  target: ColumnType,
  binary: boolean,
  fields: readonly (Buffer | string | null)[],
): Decoded {
  const column = { id: 1, name: 'v', type: target, sourceType: type.name, nullable: true }
  const table = { source: 's', namespace: 'n', name: 't' }
  const schema = { table, columns: [column], identity: { kind: 'append' as const }, version: 1 }
  const builder = new SnapshotBuilder(schema, [{ column, type, binary }], boundary(1, 1n))
  for (const field of fields) builder.appendTuple(copyTuple([field]), 0)
  const { vectors } = builder.take()
  const quarantine = vectors.find((vector) => vector.name === '_quarantine')
  const quarantined = (quarantine === undefined ? [] : vectorValues(quarantine)).flatMap((json, row) =>
    json === null ? [] : [{ row, entry: JSON.parse(String(json))[0] as QuarantinedValue }],
  )
  return { values: vectorValues(vectors.find((vector) => vector.name === 'c1')!), quarantined }
}

/** Decodes both forms, expects the same of them, and returns it beside what the server says. */
export async function decodeBoth(
  database: TestDatabase,
  sqlType: string,
  literals: readonly (string | null)[],
  expression?: string,
  target?: ColumnType,
) {
  const type = await describeType(database, sqlType)
  const wire = await readWireValues(database, sqlType, literals, expression)
  const columnType = target ?? columnTypeOf(type)
  const text = decode(
    type,
    columnType,
    false,
    wire.map((value) => value.text),
  )
  if (hasBinaryDecoder(type)) {
    const binary = decode(
      type,
      columnType,
      true,
      wire.map((value) => value.binary),
    )
    expect(binary).toEqual(text)
  }
  return { ...text, columnType, isBinary: hasBinaryDecoder(type), wire }
}
