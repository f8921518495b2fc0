/** Column types as people write them: `text`, `decimal(38,9)`. */
import type { ColumnType } from './table-schema.ts'

const PLAIN_TYPES = [
  'bool',
  'int16',
  'int32',
  'int64',
  'float32',
  'float64',
  'text',
  'bytes',
  'uuid',
  'json',
  'date',
  'time',
  'timestamp',
  'timestamptz',
] as const
const PRECISION_MAX = 38

export const COLUMN_TYPE_FORM = `${PLAIN_TYPES.join(', ')} or decimal(precision,scale) with a precision of at most ${PRECISION_MAX}`

/** Undefined: it is none. */
export function parseColumnType(text: string): ColumnType | undefined {
  const kind = PLAIN_TYPES.find((name) => name === text)
  if (kind !== undefined) return { kind }
  const match = /^decimal\( ?(\d{1,2}) ?, ?(\d{1,2}) ?\)$/.exec(text)
  if (match === null) return undefined
  const [precision, scale] = [Number(match[1]), Number(match[2])]
  return precision >= 1 && precision <= PRECISION_MAX && scale <= precision
    ? { kind: 'decimal', precision, scale }
    : undefined
}
