import { expect, test } from 'vitest'
import type { CompiledTransform, OutputColumn } from './compiled-transform.ts'
import { planFor } from './unchanged-plan.ts'

const output = (id: number, dependencies: readonly number[] | undefined): OutputColumn => ({
  column: { id, name: `c${id}`, type: { kind: 'text' }, sourceType: 'text', nullable: true },
  value: '',
  dependencies: dependencies && new Set(dependencies),
})

const schema: CompiledTransform['schema'] = {
  table: { source: 's', namespace: 'n', name: 't' },
  columns: [1, 5, 6, 7].map((id) => ({
    id,
    name: `c${id}`,
    type: { kind: id === 7 ? 'int32' : 'text' },
    sourceType: '',
    nullable: true,
  })),
  identity: { kind: 'key', columnIds: [1] },
  version: 1,
}

const compiled = (
  outputs: readonly OutputColumn[],
  filter: readonly number[] | 'all' = [],
  reads?: readonly number[],
): CompiledTransform => ({
  source: schema,
  schema,
  outputs,
  filter: filter === 'all' ? undefined : new Set(filter),
  reads: reads && new Set(reads),
  write: () => Promise.resolve([]),
})

const ASKED = { completed: true, skipped: false, result: undefined }
const plan = (given: CompiledTransform, unchanged = ',5,', hasMoved = false) => {
  const { unchanged: _, moved: __, ...rest } = planFor(unchanged, hasMoved, given)
  return rest
}

test('what depends on the missing value alone is unchanged, what does not depend on it is right', () => {
  expect(plan(compiled([output(1, [1]), output(5, [5]), output(7, [5]), output(6, [6])]))).toEqual({
    completed: false,
    skipped: false,
    result: ',5,7,',
  })
  expect(plan(compiled([output(1, [1]), output(6, [6])]))).toEqual({
    completed: false,
    skipped: false,
    result: undefined,
  })
})

test('a column that depends on it and on others, or nobody knows on what, needs the value', () => {
  expect(plan(compiled([output(7, [5, 6])]))).toEqual(ASKED)
  expect(plan(compiled([output(7, undefined)]))).toEqual(ASKED)
  expect(plan(compiled([output(7, [5, 6])]), ',5,6,')).toEqual({ completed: false, skipped: false, result: ',7,' })
})

test('whether a row stays cannot be said without the value', () => {
  expect(plan(compiled([output(1, [1])], [5]))).toEqual(ASKED)
  expect(plan(compiled([output(1, [1])], 'all'))).toEqual(ASKED)
})

test('a function is not asked where nothing that it reads has changed', () => {
  const reads = compiled([output(7, [5, 6]), output(8, [8])], [5, 6], [5, 6])
  expect(plan(reads, ',5,6,')).toEqual({ completed: false, skipped: true, result: ',7,' })
  expect(plan(reads, ',5,')).toEqual(ASKED)
  expect(plan(reads, ',8,')).toEqual({ completed: false, skipped: false, result: ',8,' })
})

test('a row that has left its key needs all values where a row of that key may have been asked for', () => {
  const asks = compiled([output(5, [5]), output(8, [1, 6])])
  expect(plan(asks)).toEqual({ completed: false, skipped: false, result: ',5,' })
  expect(plan(asks, ',5,', true)).toEqual(ASKED)
  const copies = compiled([output(5, [5]), output(6, [6])], [1])
  expect(plan(copies, ',5,', true)).toEqual({ completed: false, skipped: false, result: ',5,' })
  // A number is always sent.
  expect(plan(compiled([output(5, [5]), output(8, [1, 7])], [7]), ',5,', true)).toMatchObject({ completed: false })
})
