/** What every destination must do. Each implementation runs these tests with real storage. */
import { afterEach, beforeEach, describe } from 'vitest'
import { describeBackfill } from './destination-backfill.ts'
import { describeCheckpoints } from './destination-checkpoints.ts'
import { describeComparison } from './destination-comparison.ts'
import { describeCompletions } from './destination-completions.ts'
import type { DestinationFixture } from './destination-fixture.ts'
import { describeHistories } from './destination-histories.ts'
import { describeKeyless } from './destination-keyless.ts'
import { describeLog } from './destination-log.ts'
import { describeMerge } from './destination-merge.ts'
import { describePeriods } from './destination-periods.ts'
import { describeQuarantine } from './destination-quarantine.ts'
import { describeSchemas } from './destination-schemas.ts'
import { describeSnapshots } from './destination-snapshots.ts'
import { describeTokens } from './destination-tokens.ts'
import { describeTruncates } from './destination-truncates.ts'
import { describeVersions } from './destination-versions.ts'

type Open = () => Promise<DestinationFixture>

export function describeDestination(name: string, open: Open): void {
  describeParts(name, open, {
    merge: describeMerge,
    'tables without a key': describeKeyless,
    snapshots: describeSnapshots,
    backfill: describeBackfill,
    'checkpoints and leases': describeCheckpoints,
    'what streams go on from': describeTokens,
    'schema changes': describeSchemas,
    'removed days': describePeriods,
    quarantine: describeQuarantine,
    comparison: describeComparison,
    'random histories': describeHistories,
  })
}

/** For a destination that merges small and large flushes in different ways: what must not depend on it. */
export function describeMerging(name: string, open: Open): void {
  describeParts(name, open, {
    merge: describeMerge,
    'tables without a key': describeKeyless,
    'random histories': describeHistories,
  })
}

/** Tables that keep more than the current state. */
export function describeKeepers(name: string, open: Open): void {
  describeParts(name, open, {
    'every version': describeVersions,
    'every change': describeLog,
    'emptied and filled again': describeTruncates,
    'values that are read at the source': describeCompletions,
  })
}

function describeParts(
  name: string,
  open: Open,
  parts: Readonly<Record<string, (fixture: () => DestinationFixture) => void>>,
): void {
  describe(`destination: ${name}`, () => {
    let fixture: DestinationFixture
    beforeEach(async () => {
      fixture = await open()
    })
    afterEach(async () => {
      await fixture[Symbol.asyncDispose]()
    })
    for (const [part, tests] of Object.entries(parts)) describe(part, () => tests(() => fixture))
  })
}
