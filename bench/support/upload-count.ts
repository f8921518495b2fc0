/** Counts what clients upload to a local Snowflake: every PUT that it is asked for, repeated ones too. */
import { statSync } from 'node:fs'
import type { Twin } from '../../src/snowflake-twin/twin.ts'

const PUT = /^\s*PUT\s+'file:\/\/([^']+)'/i

export interface UploadCount {
  /** So far. */
  bytes(): number
  /** Of each file, in order. */
  sizes(): readonly number[]
}

/** Client and twin must have the same files, and file names without quotes. */
export function countUploads({ faults }: Twin): UploadCount {
  const sizes: number[] = []
  faults.plan = ({ kind, sql }) => {
    if (kind === 'query' && sql !== undefined && /^\s*PUT\b/i.test(sql)) {
      const path = PUT.exec(sql)?.[1]
      if (path === undefined || !/AUTO_COMPRESS = FALSE/i.test(sql)) throw new Error(`What does this upload? ${sql}`)
      sizes.push(statSync(path).size)
    }
    return undefined
  }
  return { bytes: () => sizes.reduce((sum, size) => sum + size, 0), sizes: () => sizes }
}
