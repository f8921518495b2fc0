/**
 * Holds the keys that a source has against those that live here. Typed values are compared, as both sides were decoded by
 * the same code; only keys that differ become text.
 */
import type { KeyCompareRequest } from '../../core/destination.ts'
import type { KeyDifference } from '../../core/source.ts'
import { tableName } from '../../core/table-schema.ts'
import { identityColumns } from '../../warehouse/table-layout.ts'
import { keyOf, openSides } from './comparison.ts'
import type { DatabaseFile } from './database-file.ts'
import type { Session } from './session.ts'

/** Some megabytes of text. */
const PAGE_KEYS = 10_000

type Rows = Awaited<ReturnType<Session['stream']>>

/** The file is held until the last page was taken, or nobody asks for more. */
export async function* compareKeys(
  file: DatabaseFile,
  request: KeyCompareRequest,
  locate: (path: string) => string,
  signal: AbortSignal,
): AsyncGenerator<KeyDifference, void, undefined> {
  const opened = Promise.withResolvers<Rows>()
  const finished = Promise.withResolvers<void>()
  const doing = `Comparing keys of ${tableName(request.target.table)}`
  const held = file.use('read', doing, signal, async (session) => {
    opened.resolve(await differingKeys(session, request, locate))
    await finished.promise
  })
  held.catch((error: unknown) => opened.reject(error))
  try {
    const rows = await opened.promise
    let page: { extra: string[]; missing: string[] } = { extra: [], missing: [] }
    for await (const chunk of rows.yieldRowsJson()) {
      for (const [key, isExtra] of chunk) (isExtra === true ? page.extra : page.missing).push(String(key))
      if (page.extra.length + page.missing.length < PAGE_KEYS) continue
      yield page
      page = { extra: [], missing: [] }
    }
    if (page.extra.length + page.missing.length > 0) yield page
  } finally {
    finished.resolve()
    await held
  }
}

/** Worked out whole before the first page is taken, so that it can be done once more where memory runs out. */
async function differingKeys(
  session: Session,
  request: KeyCompareRequest,
  locate: (path: string) => string,
): Promise<Rows> {
  await session.useThreads('all')
  const { layout, source, destination } = await openSides(session, { ...request, limit: 0 }, locate)
  const keys = identityColumns(layout).map((_, index) => `k${index + 1}`)
  const onKey = keys.map((key) => `s.${key} = d.${key}`).join(' AND ')
  const either = keys.map((key) => `coalesce(s.${key}, d.${key}) AS ${key}`).join(', ')
  await session.retryWithMoreMemory(() =>
    session.run(
      `CREATE OR REPLACE TEMP TABLE compare_keys AS SELECT ${either}, s.present IS NULL AS extra
       FROM (SELECT ${keys.join(', ')}, true AS present FROM ${source}) s
       FULL OUTER JOIN (SELECT ${keys.join(', ')}, true AS present FROM ${destination}) d ON ${onKey}
       WHERE s.present IS NULL OR d.present IS NULL`,
    ),
  )
  return session.stream(`SELECT ${keyOf(layout, '')} AS key, extra FROM compare_keys`)
}
