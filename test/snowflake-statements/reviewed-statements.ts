/** The reviewed file, and what has been sent that it has no example of. */
import { readFile } from 'node:fs/promises'
import { QUERY_TAG_APP } from '../../src/destinations/snowflake/query-tag.ts'
import type { Twin } from '../../src/snowflake-twin/twin.ts'
import { partsOf } from './statement-parts.ts'

const FILE = new URL('statements.sql', import.meta.url)
let reviewed: Promise<ReadonlySet<string>> | undefined

/** Throws where a statement that the product sent to the twin has a part that no reviewed one has. */
export async function requireReviewed(twin: Twin): Promise<void> {
  reviewed ??= readParts()
  const known = await reviewed
  const sent = new Set(
    twin.state.history
      .all()
      .filter(({ tag }) => isOurs(tag))
      .map(({ sql }) => sql),
  )
  const unknown = new Map<string, string>()
  for (const sql of sent) {
    for (const part of partsOf(sql)) if (!known.has(part)) unknown.set(part, sql)
  }
  if (unknown.size === 0) return
  const [[part, sql] = []] = unknown
  throw new Error(
    `${unknown.size} parts of statements are in no example of ${FILE.pathname}; a scenario beside it is to send them. One: ${part}\nof: ${sql}`,
  )
}

/** A person's own query is no statement of ours. */
function isOurs(tag: string): boolean {
  if (!tag.includes(`"app":"${QUERY_TAG_APP}"`)) return false
  return (JSON.parse(tag) as { readonly phase: string }).phase !== 'query'
}

async function readParts(): Promise<ReadonlySet<string>> {
  const text = (await readFile(FILE, 'utf8')).replaceAll(/^-- .*$/gm, '')
  return new Set(text.split(/;$/m).flatMap((sql) => [...partsOf(sql)]))
}
