import { afterAll, expect, test } from 'vitest'
import { NOT_KNOWN, refusedByParser } from '../snowflake-statements/parsed-statements.ts'
import { describeDestination } from './destination.ts'
import { SnowflakeFixtures } from './snowflake-fixture.ts'

const fixtures = new SnowflakeFixtures()
afterAll(() => fixtures[Symbol.asyncDispose]())

describeDestination('Snowflake', () => fixtures.open())

test('an independent parser of Snowflake SQL takes every statement that was sent for it', () => {
  expect(fixtures.statements.size).toBeGreaterThan(0)
  const refused = refusedByParser(fixtures.statements)
  expect(refused.filter((sql) => !Object.values(NOT_KNOWN).some((form) => form.test(sql)))).toEqual([])
})
