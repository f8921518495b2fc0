/** What a source makes at the server: names of the slot and the publications. */
import { createHash } from 'node:crypto'
import type { PostgresSourceConfig } from './config.ts'

export interface ReplicationNames {
  readonly slot: string
  readonly publication: string
  /** For tables whose rows have no identity: inserts and truncates only. */
  readonly appendPublication: string
}

export function replicationNames(source: string, config: PostgresSourceConfig): ReplicationNames {
  const own = ownName(source)
  const publication = config.publication ?? own
  return { slot: config.slot ?? own, publication, appendPublication: `${publication}_append` }
}

// Slot names take fewer characters than source names; the digest keeps `a-b` and `a_b` apart.
function ownName(source: string): string {
  const plain = source
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, '_')
    .slice(0, 38)
  if (plain === source) return `simplyload_${plain}`
  return `simplyload_${plain}_${createHash('sha256').update(source).digest('hex').slice(0, 6)}`
}
