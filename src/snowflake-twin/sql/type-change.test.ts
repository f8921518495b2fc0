import { expect, test } from 'vitest'
import type { DataType } from './data-type.ts'
import { typeChangeError } from './type-change.ts'

const number = (precision: number, scale: number): DataType => ({ kind: 'NUMBER', precision, scale })
const text = (length: number): DataType => ({ kind: 'VARCHAR', length })

// docs: sql-reference/sql/alter-table-column
test('texts may grow and numbers may change their digits before the point', () => {
  expect(typeChangeError('A', text(10), text(20))).toBeUndefined()
  expect(typeChangeError('A', number(10, 2), number(38, 2))).toBeUndefined()
  expect(typeChangeError('A', number(38, 0), number(5, 0))).toBeUndefined()
})

test('everything else is refused with the types', () => {
  expect(typeChangeError('A', text(20), text(10))).toMatchObject({ code: '040052', sqlState: '22000' })
  expect(typeChangeError('A', number(10, 2), number(10, 3))?.message).toContain(
    'from type NUMBER(10,2) to NUMBER(10,3)',
  )
  expect(typeChangeError('A', number(10, 2), { kind: 'FLOAT' })).toMatchObject({ code: '040052' })
  expect(
    typeChangeError('A', { kind: 'TIMESTAMP_NTZ', precision: 6 }, { kind: 'TIMESTAMP_TZ', precision: 6 }),
  ).toBeDefined()
})
