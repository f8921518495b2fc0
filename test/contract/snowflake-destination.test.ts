import { afterAll } from 'vitest'
import { describeDestination } from './destination.ts'
import { SnowflakeFixtures } from './snowflake-fixture.ts'

const fixtures = new SnowflakeFixtures()
afterAll(() => fixtures[Symbol.asyncDispose]())

describeDestination('Snowflake', () => fixtures.open())
