import { expect, test } from 'vitest'
import { textTable } from './text-table.ts'

const COLUMNS = [
  { title: 'TABLE', flexible: true },
  { title: 'STATE' },
  { title: 'ROWS', align: 'right', dispensable: 1 },
  { title: 'AGE', align: 'right', dispensable: 2 },
] as const
const ROWS = [
  ['public.orders_of_customers', 'live', '12', ''],
  ['public.t', 'paused', '1,000,000', ''],
]

test('a pipe gets every column whole', () => {
  expect(textTable(COLUMNS, ROWS, Number.POSITIVE_INFINITY)).toEqual([
    'TABLE                       STATE        ROWS  AGE',
    'public.orders_of_customers  live           12',
    'public.t                    paused  1,000,000',
  ])
})

test('what is empty goes first where a terminal is narrow, then what can be done without, then ends of names', () => {
  expect(textTable(COLUMNS, ROWS, 46)[0]).toBe('TABLE                       STATE        ROWS')
  expect(textTable(COLUMNS, ROWS, 40)).toEqual([
    'TABLE                  STATE        ROWS',
    'public.orders_of_cus…  live           12',
    'public.t               paused  1,000,000',
  ])
  expect(textTable(COLUMNS, ROWS, 30)).toEqual([
    'TABLE                   STATE',
    'public.orders_of_cust…  live',
    'public.t                paused',
  ])
})
