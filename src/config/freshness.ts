/** How old final tables may be: never fresher than what is staged, and within what suits the destination. */

/** Milliseconds. */
export interface FreshnessRange {
  readonly minMs: number
  readonly maxMs: number
  /** Completes the sentence "freshness …". */
  readonly text: string
}

/** What a configuration says of it, whatever its connectors. */
export interface FreshnessKeys {
  readonly destination: { readonly type: string }
  readonly sync: { readonly intervalMs: number; readonly freshnessMs: number | undefined }
  readonly sources: Readonly<
    Record<string, { readonly tables?: readonly { readonly freshness?: number | undefined }[] }>
  >
}

type KeyPath = readonly (string | number)[]

export function freshnessProblems(
  { sync, sources }: FreshnessKeys,
  range: FreshnessRange | undefined,
): readonly { readonly path: KeyPath; readonly message: string }[] {
  const given: (readonly [KeyPath, number | undefined])[] = [[['sync', 'freshness'], sync.freshnessMs]]
  for (const [name, { tables = [] }] of Object.entries(sources))
    for (const [index, table] of tables.entries())
      given.push([['sources', name, 'tables', index, 'freshness'], table.freshness])
  return given.flatMap(([path, ms]) => {
    const message = ms === undefined ? undefined : problemOf(ms, sync.intervalMs, range)
    return message === undefined ? [] : [{ path, message }]
  })
}

function problemOf(ms: number, intervalMs: number, range: FreshnessRange | undefined): string | undefined {
  if (ms < intervalMs) return 'must not be shorter than sync.interval, in which changes are staged'
  return range === undefined || (ms >= range.minMs && ms <= range.maxMs) ? undefined : range.text
}
