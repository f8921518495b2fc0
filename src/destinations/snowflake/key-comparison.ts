/** Holds the keys that a source has against those that live here. Typed values are compared; only keys that differ become text. */
import type { KeyCompareRequest } from '../../core/destination.ts'
import type { KeyDifference } from '../../core/source.ts'
import { type ComparisonSetting, keyOf, openSides } from './comparison-sides.ts'
import type { SnowflakeSession } from './session.ts'

/** Some megabytes of text. */
const PAGE_KEYS = 10_000

export async function* compareKeys(
  session: SnowflakeSession,
  request: KeyCompareRequest,
  setting: ComparisonSetting,
): AsyncGenerator<KeyDifference, void, undefined> {
  const { layout, keys, source, destination } = await openSides(session, request, setting)
  const either = keys.map((key) => `COALESCE(s.${key}, d.${key}) AS ${key}`).join(', ')
  const { rows } = await session.stream(
    `SELECT ${keyOf(layout, '')} AS key, is_extra FROM (
       SELECT ${either}, s.present IS NULL AS is_extra
       FROM (SELECT ${keys.join(', ')}, TRUE AS present FROM ${source}) s
       FULL OUTER JOIN (SELECT ${keys.join(', ')}, TRUE AS present FROM ${destination}) d
         ON ${keys.map((key) => `s.${key} = d.${key}`).join(' AND ')}
       WHERE s.present IS NULL OR d.present IS NULL)`,
  )
  let page: { extra: string[]; missing: string[] } = { extra: [], missing: [] }
  for await (const [key, isExtra] of rows) {
    const side = isExtra === true ? page.extra : page.missing
    side.push(String(key))
    if (page.extra.length + page.missing.length < PAGE_KEYS) continue
    yield page
    page = { extra: [], missing: [] }
  }
  if (page.extra.length + page.missing.length > 0) yield page
}
