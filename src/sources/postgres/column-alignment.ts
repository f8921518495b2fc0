/**
 * Which attribute each column of a relation message is.
 *
 * Messages carry names but no attribute numbers, and they lag behind the catalog: by the time a message is read, columns
 * in it may have been renamed or dropped. Three things are known: columns come in order of attribute number; the name
 * that each live attribute has now; and the name that each attribute had when the table was last seen. The alignment
 * is the one with the most evidence that keeps the order (a weighted longest common subsequence). So two renames that
 * swap names come out as two renames, whether the message was written before or after them.
 */
import type { RelationColumn } from './pgoutput.ts'

/** A row of `pg_attribute`. */
export interface Attribute {
  readonly attnum: number
  readonly name: string
  /** Its name is gone; it stays in the catalog so that its number is not used again. */
  readonly dropped: boolean
  readonly typeOid: number
  readonly typmod: number
  /** A default or identity: rows from before it was added may have values other than NULL. */
  readonly hasDefault: boolean
  /** Transaction that wrote this row of the catalog. */
  readonly writtenBy: number
}

export interface AlignedColumn {
  readonly attribute: Attribute | undefined
  /**
   * - `now`: it has this name in the catalog.
   * - `then`: it had this name when the table was last seen; since then it was renamed or dropped.
   * - `guess`: only order and type speak for it.
   * - `none`: nothing fits; the attribute came and went unseen, or its transaction has not committed.
   */
  readonly evidence: 'now' | 'then' | 'guess' | 'none'
}

// A present name outweighs a former one, and any name outweighs a guess, however many there are (1,600 columns at most).
const GUESS = 1
const THEN = 10_000
const NOW = 16_000
const SAME_TYPE = 1

/** `formerNames`: attribute number → name when the table was last seen. `attributes` in order of number. */
export function alignColumns(
  columns: readonly RelationColumn[],
  attributes: readonly Attribute[],
  formerNames: ReadonlyMap<number, string>,
): readonly AlignedColumn[] {
  const names = new Set(columns.map((column) => column.name))
  const weigh = (column: RelationColumn, attribute: Attribute): number => {
    const former = formerNames.get(attribute.attnum)
    const wasNamed = former === column.name ? THEN : 0
    if (attribute.dropped) return wasNamed
    const sameType = attribute.typeOid === column.typeOid
    if (attribute.name === column.name) return NOW + wasNamed + (sameType ? SAME_TYPE : 0)
    if (wasNamed > 0) return wasNamed + (sameType ? SAME_TYPE : 0)
    return sameType && !names.has(attribute.name) ? GUESS : 0
  }
  // best[i][j]: the most evidence for columns from i on among attributes from j on.
  const width = attributes.length + 1
  const best = new Int32Array((columns.length + 1) * width)
  for (let i = columns.length - 1; i >= 0; i--) {
    for (let j = attributes.length - 1; j >= 0; j--) {
      best[i * width + j] = Math.max(
        at(best, (i + 1) * width + j),
        at(best, i * width + j + 1),
        matched(columns, attributes, i, j, weigh) + at(best, (i + 1) * width + j + 1),
      )
    }
  }
  const aligned: AlignedColumn[] = []
  for (let i = 0, j = 0; i < columns.length; ) {
    const here = at(best, i * width + j)
    const weight = j < attributes.length ? matched(columns, attributes, i, j, weigh) : 0
    if (weight > 0 && here === weight + at(best, (i + 1) * width + j + 1)) {
      const evidence = weight >= NOW ? 'now' : weight >= THEN ? 'then' : 'guess'
      aligned.push({ attribute: attributes[j], evidence })
      i++
      j++
    } else if (j < attributes.length && here === at(best, i * width + j + 1)) {
      j++
    } else {
      aligned.push({ attribute: undefined, evidence: 'none' })
      i++
    }
  }
  return aligned
}

function matched(
  columns: readonly RelationColumn[],
  attributes: readonly Attribute[],
  i: number,
  j: number,
  weigh: (column: RelationColumn, attribute: Attribute) => number,
): number {
  const column = columns[i]
  const attribute = attributes[j]
  return column === undefined || attribute === undefined ? 0 : weigh(column, attribute)
}

function at(values: Int32Array, index: number): number {
  return values[index] ?? 0
}
