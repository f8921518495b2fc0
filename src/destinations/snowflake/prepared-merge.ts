/**
 * A merge of one table that is worked out: everything that needs tables of its own, or can be known before, is done.
 * What it has read cannot have changed when it is carried out: the transaction begins by taking the lease, and whoever
 * holds it is the only one who writes.
 */

export interface MergeCounts {
  readonly inserted: number
  readonly updated: number
  readonly deleted: number
}

export interface PreparedMerge {
  /** Statements of the transaction. */
  apply(): Promise<MergeCounts>
}

/** Partial changes whose rows are not there: keys, each a JSON array of text forms. */
export interface MissingRows {
  readonly missing: readonly string[]
}

export const NOTHING: PreparedMerge = { apply: async () => ({ inserted: 0, updated: 0, deleted: 0 }) }
