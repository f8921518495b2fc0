/** What every destination must do. Each implementation runs these tests with real storage. */
import { afterEach, beforeEach, describe } from 'vitest'
import { describeKeyless } from './destination-keyless.ts'
import type { DestinationFixture } from './destination-fixture.ts'
import { describeCheckpoints } from './destination-checkpoints.ts'
import { describeComparison } from './destination-comparison.ts'
import { describeHistories } from './destination-histories.ts'
import { describeMerge } from './destination-merge.ts'
import { describeQuarantine } from './destination-quarantine.ts'
import { describeSchemas } from './destination-schemas.ts'
import { describeSnapshots } from './destination-snapshots.ts'

export function describeDestination(name: string, open: () => Promise<DestinationFixture>): void {
  describe(`destination: ${name}`, () => {
    let fixture: DestinationFixture
    beforeEach(async () => {
      fixture = await open()
    })
    afterEach(async () => {
      await fixture[Symbol.asyncDispose]()
    })
    const current = () => fixture

    describe('merge', () => describeMerge(current))
    describe('tables without a key', () => describeKeyless(current))
    describe('snapshots', () => describeSnapshots(current))
    describe('checkpoints and leases', () => describeCheckpoints(current))
    describe('schema changes', () => describeSchemas(current))
    describe('quarantine', () => describeQuarantine(current))
    describe('comparison', () => describeComparison(current))
    describe('random histories', () => describeHistories(current))
  })
}
