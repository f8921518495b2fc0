/**
 * One integer for each change of a flush, which orders them and says what they are:
 * `(file number << 32 | row in the file) << 3 | kind`. Row order in a file and the order of the files is the order of
 * positions, so it stands for a position of 31 characters.
 */

/** Kinds of change, the low three bits of a code. At least `PARTIAL_UPDATE`: it has values. At least `INSERT`: a new row. */
export const MOVE_OUT = 0
export const DELETE = 1
export const PARTIAL_UPDATE = 2
export const UPDATE = 3
export const INSERT = 4
export const MOVE_IN = 5
export const PARTIAL_MOVE_IN = 6
export const TRUNCATE = 7

const FILE_SHIFT = 35
const ROW_SHIFT = 3

/** The first code that a row of the file with this number can have, or that one of its rows can. */
export function firstCode(fileNumber: number, row = 0): bigint {
  return (BigInt(fileNumber) << BigInt(FILE_SHIFT)) | (BigInt(row) << BigInt(ROW_SHIFT))
}
