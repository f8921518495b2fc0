/** The contract of destinations, in a real account. */
import { afterAll, test } from 'vitest'
import { describeDestination, describeKeepers } from '../contract/destination.ts'
import { openAccountFixture } from '../contract/snowflake-fixture.ts'
import { NO_ACCOUNT, openTestAccount } from '../support/snowflake-test-account.ts'

const account = openTestAccount(process.env)

if (account === undefined) {
  test('the contract of destinations', ({ skip }) => skip(NO_ACCOUNT))
} else {
  afterAll(() => account[Symbol.asyncDispose]())
  describeDestination('Snowflake account', () => openAccountFixture(account))
  describeKeepers('Snowflake account', () => openAccountFixture(account))
}
