import { type ColumnVector, type Operation, SYSTEM_COLUMNS } from '../core/batch.ts'
import { VectorBuilder } from './vector-builder.ts'

/** `_op`. */
export class OperationColumn {
  readonly #builder = new VectorBuilder(SYSTEM_COLUMNS.op, { kind: 'text' }, 0)

  get bytes(): number {
    return this.#builder.length
  }

  append(row: number, operation: Operation): void {
    const at = this.#builder.open(row, 5)
    this.#builder.view.setInt32(at, 1, true)
    this.#builder.view.setUint8(at + 4, operation.charCodeAt(0))
  }

  take(rows: number): ColumnVector {
    return this.#builder.take(rows)
  }
}
