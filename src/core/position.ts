/**
 * A totally ordered, text-sortable token of a source.
 *
 * Postgres: `gggg/llllllllllllllll/oooooooooo`, lower-case zero-padded hex: the generation, the commit LSN, the ordinal
 * in the transaction (from 1). A position with ordinal 0 is a boundary: "every change with a smaller position". So a
 * checkpoint, the consistent point of a snapshot and an LSN to confirm are all boundaries, and rows of a snapshot carry
 * its boundary, which sorts before every change that the snapshot does not contain.
 */
export type Position = string & { readonly __brand: 'Position' }

export interface PositionParts {
  readonly generation: number
  readonly lsn: bigint
  readonly ordinal: number
}

const GENERATION_DIGITS = 4
const LSN_DIGITS = 16
export const ORDINAL_DIGITS = 10

/** Everything up to the ordinal, `/` included: what all positions of one transaction share. */
export function positionPrefix(generation: number, lsn: bigint): string {
  return `${hex(generation, GENERATION_DIGITS)}/${hex(lsn, LSN_DIGITS)}/`
}

export function position(generation: number, lsn: bigint, ordinal: number): Position {
  return (positionPrefix(generation, lsn) + hex(ordinal, ORDINAL_DIGITS)) as Position
}

/** The boundary "all commits before `lsn`". */
export function boundary(generation: number, lsn: bigint): Position {
  return position(generation, lsn, 0)
}

export const POSITION_LENGTH = GENERATION_DIGITS + LSN_DIGITS + ORDINAL_DIGITS + 2

const PATTERN = /^([0-9a-f]{4})\/([0-9a-f]{16})\/([0-9a-f]{10})$/

export function parsePosition(text: string): PositionParts | undefined {
  const match = PATTERN.exec(text)
  if (match === null) return undefined
  const [, generation = '', lsn = '', ordinal = ''] = match
  return { generation: Number.parseInt(generation, 16), lsn: BigInt(`0x${lsn}`), ordinal: Number.parseInt(ordinal, 16) }
}

/** As `Array.prototype.sort` wants it. */
export function comparePositions(a: Position, b: Position): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export function laterPosition(a: Position | undefined, b: Position | undefined): Position | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return a > b ? a : b
}

function hex(value: number | bigint, digits: number): string {
  const text = value.toString(16)
  if (text.length > digits) throw new RangeError(`A position field of ${digits} hex digits cannot hold ${value}`)
  return text.padStart(digits, '0')
}
