/**
 * What a statement was for, as JSON in Snowflake's QUERY_TAG: by it `simplyload cost` and anybody's own queries on the
 * query history tell what a table costs.
 */
export interface QueryTag {
  readonly source?: string
  /** `namespace.name` at the source. Absent: for several tables, or none. */
  readonly table?: string
  readonly run?: string
  /** `connect`, `stage`, `copy`, `merge`, `verify`, … */
  readonly phase: string
}

/** By which our statements are found. */
export const QUERY_TAG_APP = 'simplyload'

/** Snowflake refuses longer ones. */
const LENGTH_MAX = 2000

export function formatQueryTag({ source, table, run, phase }: QueryTag): string {
  const text = JSON.stringify({ app: QUERY_TAG_APP, source, table, run, phase })
  // Names are at most 63 bytes each at the source; what is longer all the same loses its table, not its cost.
  return text.length <= LENGTH_MAX ? text : JSON.stringify({ app: QUERY_TAG_APP, source, run, phase })
}
