import type { DestinationFixture } from './destination-fixture.ts'
export function describeHistories(_fixture: () => DestinationFixture): void {}
