/**
 * Live tables of one freshness are a group: they are merged together, at the same moments. A table whose freshness is
 * changed moves to another group at the next moment of that one.
 */
import { DEFAULT_GROUP } from '../core/destination.ts'
import type { ConfiguredTable, EngineSettings } from './context.ts'
import type { BookedTable } from './table-book.ts'

type Freshness = Pick<EngineSettings, 'freshnessMs'>

/** The name of the group that the table should be in. */
export function groupOf({ freshnessMs }: ConfiguredTable, settings: Freshness): string {
  return freshnessMs === undefined || freshnessMs === settings.freshnessMs ? DEFAULT_GROUP : String(freshnessMs)
}

export function groupFreshnessMs(group: string, settings: Freshness): number {
  return group === DEFAULT_GROUP ? settings.freshnessMs : Number(group)
}

/** The group that the table is merged with: the one that it is in, or else joins. */
export function currentGroup({ group, configured }: BookedTable, settings: Freshness): string {
  return group ?? groupOf(configured, settings)
}
