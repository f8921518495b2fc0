import { type ColumnVector, SYSTEM_COLUMNS } from '../core/batch.ts'
import { invariant } from '../core/invariant.ts'
import { ORDINAL_DIGITS, POSITION_LENGTH } from '../core/position.ts'
import { VectorBuilder } from './vector-builder.ts'

const PREFIX_LENGTH = POSITION_LENGTH - ORDINAL_DIGITS
const HEX = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))
/** Two digits for each byte, in the order in which a big-endian uint16 is written. */
const HEX_PAIRS = Uint16Array.from({ length: 256 }, (_, byte) => ((HEX[byte >>> 4] ?? 0) << 8) | (HEX[byte & 15] ?? 0))

/** `_source_position`: per row a prefix, the same for all rows of a transaction, and the ordinal in hex. */
export class PositionColumn {
  readonly #builder = new VectorBuilder(SYSTEM_COLUMNS.position, { kind: 'text' }, 0)
  /** Length and prefix as they stand in the vector. */
  readonly #head = new DataView(new ArrayBuffer(4 + PREFIX_LENGTH))
  #prefix = ''

  get prefix(): string {
    return this.#prefix
  }

  get bytes(): number {
    return this.#builder.length
  }

  /** `prefix`: of `positionPrefix`. */
  setPrefix(prefix: string): void {
    invariant(prefix.length === PREFIX_LENGTH, 'a position prefix has a generation and an LSN')
    this.#prefix = prefix
    this.#head.setInt32(0, POSITION_LENGTH, true)
    for (let index = 0; index < PREFIX_LENGTH; index++) this.#head.setUint8(4 + index, prefix.charCodeAt(index))
  }

  append(row: number, ordinal: number): void {
    const at = this.#builder.open(row, 4 + POSITION_LENGTH)
    const view = this.#builder.view
    const head = this.#head
    for (let index = 0; index < 24; index += 4) view.setInt32(at + index, head.getInt32(index))
    view.setInt16(at + 24, head.getInt16(24))
    const high = Math.floor(ordinal / 4294967296)
    view.setUint16(at + 26, HEX_PAIRS[high & 0xff] as number)
    view.setUint16(at + 28, HEX_PAIRS[(ordinal >>> 24) & 0xff] as number)
    view.setUint16(at + 30, HEX_PAIRS[(ordinal >>> 16) & 0xff] as number)
    view.setUint16(at + 32, HEX_PAIRS[(ordinal >>> 8) & 0xff] as number)
    view.setUint16(at + 34, HEX_PAIRS[ordinal & 0xff] as number)
  }

  take(rows: number): ColumnVector {
    return this.#builder.take(rows)
  }
}
