import { afterAll } from 'vitest'
import { describeKeepers } from './destination.ts'
import { SnowflakeFixtures } from './snowflake-fixture.ts'

const fixtures = new SnowflakeFixtures()
afterAll(() => fixtures[Symbol.asyncDispose]())

describeKeepers('Snowflake', () => fixtures.open())
