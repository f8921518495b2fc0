import { expect, test } from 'vitest'
import { columnTypeOf, hasBinaryDecoder, type PostgresType } from './postgres-type.ts'

function base(oid: number, name: string, typmod = -1): PostgresType {
  return { oid, name, typmod, kind: 'base', hasSend: true }
}

const numeric = (precision: number, scale: number) => base(1700, 'numeric', ((precision << 16) | (scale & 0x7ff)) + 4)

test('numeric with a precision is a decimal where one of 38 digits holds it', () => {
  expect(columnTypeOf(numeric(10, 2))).toEqual({ kind: 'decimal', precision: 10, scale: 2 })
  expect(columnTypeOf(numeric(38, 0))).toEqual({ kind: 'decimal', precision: 38, scale: 0 })
  expect(columnTypeOf(numeric(39, 0))).toEqual({ kind: 'text' })
  expect(columnTypeOf(numeric(5, 7))).toEqual({ kind: 'decimal', precision: 7, scale: 7 })
  expect(columnTypeOf(numeric(5, 39))).toEqual({ kind: 'text' })
  expect(columnTypeOf(numeric(5, -3))).toEqual({ kind: 'decimal', precision: 8, scale: 0 })
  expect(columnTypeOf(numeric(30, -9))).toEqual({ kind: 'text' })
  expect(columnTypeOf(base(1700, 'numeric'))).toEqual({ kind: 'text' })
})

test('a domain is what it is over, at any depth', () => {
  const domain = (over: PostgresType): PostgresType => ({
    oid: 50000,
    name: 'd',
    typmod: -1,
    kind: 'domain',
    base: over,
    hasSend: true,
  })
  expect(columnTypeOf(domain(domain(numeric(6, 3))))).toEqual({ kind: 'decimal', precision: 6, scale: 3 })
  expect(hasBinaryDecoder(domain(base(790, 'money')))).toBe(false)
})

test('a type is decoded in binary only where all its parts are', () => {
  const array = (element: PostgresType): PostgresType => ({
    oid: 50001,
    name: '_e',
    typmod: -1,
    kind: 'array',
    element,
    hasSend: true,
  })
  const range = (element: PostgresType): PostgresType => ({
    oid: 50002,
    name: 'r',
    typmod: -1,
    kind: 'range',
    element,
    hasSend: true,
  })
  const composite = (...types: PostgresType[]): PostgresType => ({
    oid: 50003,
    name: 'c',
    typmod: -1,
    kind: 'composite',
    attributes: types.map((type, index) => ({ name: `a${index}`, type })),
    hasSend: true,
  })
  const money = base(790, 'money')
  const text = base(25, 'text')
  const unknown = base(60000, 'geometry')
  expect(
    [array(text), composite(text, array(text)), range(text), array(composite(text))].map(hasBinaryDecoder),
  ).toEqual(Array(4).fill(true))
  expect(
    [
      array(money),
      composite(text, money),
      range(money),
      range(composite(text)),
      unknown,
      { ...text, hasSend: false },
    ].map(hasBinaryDecoder),
  ).toEqual(Array(6).fill(false))
  expect(columnTypeOf(composite(text, money))).toEqual({ kind: 'json' })
  expect(columnTypeOf({ oid: 50003, name: 'c', typmod: -1, kind: 'composite', hasSend: true })).toEqual({
    kind: 'text',
  })
  expect(columnTypeOf(unknown)).toEqual({ kind: 'text' })
})
