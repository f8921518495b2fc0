/** `attmissingval`: what rows have in a column that was added after them with a constant default. */
import { OK } from '../../columnar/decode-outcome.ts'
import { textDecoder } from '../../columnar/postgres-text.ts'
import { columnTypeOf, type PostgresType } from '../../columnar/postgres-type.ts'
import { VectorBuilder } from '../../columnar/vector-builder.ts'
import { WireBuffer } from '../../columnar/wire-buffer.ts'

/**
 * The value in a form that a destination can take over as it is: JSON for arrays and the like, the source's text for the
 * rest. Undefined for what not every destination has or reads in that form (NaN as a decimal, infinity, BC, years of
 * five digits): then the rows themselves must be read.
 */
export function statedMissingValue(type: PostgresType, text: string): string | undefined {
  const target = columnTypeOf(type)
  switch (target.kind) {
    case 'json':
      return jsonText(type, text)
    case 'decimal':
      return /^-?\d/.test(text) ? text : undefined
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return /^\d{4}-\d\d-\d\d/.test(text) && !text.endsWith('BC') ? text : undefined
    default:
      return text
  }
}

function jsonText(type: PostgresType, text: string): string | undefined {
  const source = new WireBuffer(Buffer.from(text))
  const builder = new VectorBuilder('missing', { kind: 'json' }, 0)
  const outcome = textDecoder(type, { kind: 'json' }, 'verify')(builder, 0, source, 0, source.bytes.length)
  if (outcome !== OK) return undefined
  // After the length.
  return Buffer.from(builder.take(1).values.subarray(4)).toString()
}
