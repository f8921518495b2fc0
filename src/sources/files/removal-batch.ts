/** The days of a period, as removals: rows of them that are older than the batch go. */
import { OperationColumn } from '../../columnar/operation-column.ts'
import { PositionColumn } from '../../columnar/position-column.ts'
import { type ChangeBatch, type ColumnVector, dataColumn, NO_FEATURES } from '../../core/batch.ts'
import type { FilePeriod } from '../../core/file-set.ts'
import { position, positionPrefix } from '../../core/position.ts'
import type { Column, TableSchema } from '../../core/table-schema.ts'

const MICROSECONDS_PER_DAY = 86_400_000_000n

/** `column`: the one that says of which day a row is; a date or a timestamp. */
export function removalBatch(
  schema: TableSchema,
  column: Column,
  period: FilePeriod,
  generation: number,
  lsn: bigint,
): ChangeBatch {
  const days = period.through - period.from + 1
  const operations = new OperationColumn()
  const positions = new PositionColumn()
  positions.setPrefix(positionPrefix(generation, lsn))
  for (let row = 0; row < days; row++) {
    operations.append(row, 'p')
    positions.append(row, 1)
  }
  const vectors = [operations.take(days), positions.take(days), dayVector(column, period.from, days)]
  return {
    kind: 'changes',
    schema,
    rows: days,
    bytes: vectors.reduce((sum, vector) => sum + vector.values.length, 0),
    vectors,
    features: { ...NO_FEATURES, removal: { columnId: column.id, days } },
    firstPosition: position(generation, lsn, 1),
    lastPosition: position(generation, lsn, 1),
  }
}

function dayVector({ id, type }: Column, first: number, days: number): ColumnVector {
  const numbers = Array.from({ length: days }, (_, index) => first + index)
  const values =
    type.kind === 'date'
      ? Int32Array.from(numbers)
      : BigInt64Array.from(numbers, (day) => BigInt(day) * MICROSECONDS_PER_DAY)
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  return { name: dataColumn(id), type, fieldId: id, rows: days, nullCount: 0, values: bytes }
}
