/** Which server this is, and where its log comes from. A standby that takes over goes on under a timeline of its own. */
import { isPipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import type { PostgresClient } from './client.ts'
import { parseLsn } from './lsn.ts'

export interface SystemIdentity {
  readonly system: string
  readonly timeline: number
}

/** `walsender`: a connection for replication. */
export async function readSystem(walsender: PostgresClient, signal: AbortSignal): Promise<SystemIdentity> {
  const [row] = await walsender.query<{ systemid: string; timeline: number | bigint }>(
    'IDENTIFY_SYSTEM',
    undefined,
    signal,
  )
  invariant(row !== undefined, 'IDENTIFY_SYSTEM answers with one row')
  return { system: row.systemid, timeline: Number(row.timeline) }
}

/**
 * Earlier timelines → where the log was left for the next one. A line of the history file is the number of a timeline, the
 * place, and the reason, with tabs between; lines that begin with # are remarks.
 */
export async function readTimelineEnds(
  walsender: PostgresClient,
  timeline: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, bigint>> {
  // The first one has no history.
  if (timeline === 1) return new Map()
  try {
    const [row] = await walsender.query<{ content: unknown }>(`TIMELINE_HISTORY ${timeline}`, undefined, signal)
    return parseTimelineHistory(String(row?.content ?? ''))
  } catch (error) {
    // A server that was restored may lack the file. Then nothing is known, which matters only after a failover.
    if (isPipelineError(error, 'source_query')) return new Map()
    throw error
  }
}

export function parseTimelineHistory(content: string): ReadonlyMap<number, bigint> {
  const ends = new Map<number, bigint>()
  for (const line of content.split('\n')) {
    const match = /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line)
    if (match !== null) ends.set(Number(match[1]), parseLsn(match[2] ?? ''))
  }
  return ends
}
