/**
 * Whether the rows of a table may have been rewritten without a change being told: ALTER TABLE … TYPE … USING, and a new
 * column with a volatile default, write every row anew into another file. So do VACUUM FULL, CLUSTER and TRUNCATE, but
 * these leave the descriptions of the columns alone.
 */

export interface StorageFingerprint {
  readonly oid: number
  /** File of the relation; of a partitioned table a digest over those of its partitions. */
  readonly storage: string
  /** Transactions from this one on had not committed when it was taken; low 32 bits. */
  readonly horizon: number
  /** The form in which it is kept. */
  readonly text: string
}

export function storageFingerprint(oid: number, storage: string, horizon: number): StorageFingerprint {
  return { oid, storage, horizon, text: `${oid}/${storage}/${horizon}` }
}

/** Undefined for anything that is not such a text. */
export function parseFingerprint(text: string | undefined): StorageFingerprint | undefined {
  const match = text === undefined ? null : /^(\d+)\/([0-9a-z]+)\/(\d+)$/.exec(text)
  if (match === null) return undefined
  return storageFingerprint(Number(match[1]), match[2] ?? '', Number(match[3]))
}

/** Whether the transaction may have committed after the fingerprint was taken. Ids are compared as Postgres does, modulo 2³². */
export function writtenSince(fingerprint: StorageFingerprint, transaction: number): boolean {
  return ((transaction - fingerprint.horizon) | 0) >= 0
}

/** Of the relations at the bottom of a partition tree, or of the one relation that a plain table is. */
export function storageOf(relations: readonly { readonly oid: number; readonly filenode: number }[]): string {
  if (relations.length === 1) return String(relations[0]?.filenode ?? 0)
  // FNV-1a over all pairs, in order of oid.
  let hash = 0x811c9dc5
  for (const { oid, filenode } of relations) {
    for (const number of [oid, filenode]) {
      for (let shift = 0; shift < 32; shift += 8) hash = Math.imul(hash ^ ((number >>> shift) & 0xff), 0x01000193)
    }
  }
  return `p${(hash >>> 0).toString(36)}`
}
