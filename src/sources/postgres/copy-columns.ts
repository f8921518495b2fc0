/** Which columns a COPY selects, and in which form. */
import { hasBinaryDecoder, type PostgresType } from '../../columnar/postgres-type.ts'
import type { WireColumn, WireRules } from '../../columnar/wire-column.ts'
import { PipelineError } from '../../core/errors.ts'
import { type TableSchema, tableName } from '../../core/table-schema.ts'
import type { CatalogTable } from './catalog.ts'
import { quoteIdentifier } from './sql-text.ts'

export interface CopyColumns {
  readonly wire: readonly WireColumn[]
  /** The select list; may be empty. */
  readonly list: string
}

export interface CopyForm {
  /** `text`: all values through their text forms. */
  readonly values: 'binary' | 'text'
  /**
   * What a schema of another time than the catalog means. `refuse`: throws `snapshot_lost`, it must be described again.
   * `follow`: a column that is gone is NULL, one with another type is decoded from that into the column's.
   */
  readonly drift: 'refuse' | 'follow'
  /** Of the connection that reads. */
  readonly rules: WireRules
}

const TEXT: PostgresType = { oid: 25, name: 'text', typmod: -1, kind: 'base', hasSend: true }

/** In the order of the schema, by the names of now: a column is known by its attnum. */
export function copyColumns(schema: TableSchema, catalog: CatalogTable, form: CopyForm): CopyColumns {
  const wire: WireColumn[] = []
  const list: string[] = []
  const byNumber = new Map(catalog.columns.map((column) => [column.attnum, column]))
  for (const column of schema.columns) {
    const found = byNumber.get(column.id)
    if (form.drift === 'refuse' && found?.sourceType !== column.sourceType) {
      throw drifted(tableName(schema.table), column.name, found?.sourceType)
    }
    if (found === undefined) {
      wire.push({ column, type: TEXT, binary: true })
      list.push('NULL::text')
      continue
    }
    const binary = form.values === 'binary' && hasBinaryDecoder(found.type)
    const quoted = quoteIdentifier(found.name)
    wire.push({ column, type: found.type, binary, ...form.rules })
    list.push(binary ? quoted : outputText(quoted))
  }
  return { wire, list: list.join(', ') }
}

function drifted(table: string, column: string, typeNow: string | undefined): PipelineError {
  return new PipelineError('snapshot_lost', `Reading ${table}`, {
    cause: new Error(`column "${column}" ${typeNow === undefined ? 'is gone' : `is ${typeNow} now`}`),
    context: { table },
  })
}

/**
 * What the type's output function says, which is also what the stream sends. A cast to text is something else for some
 * types (`bpchar` loses blanks, `inet` gains a mask), and `concat` makes '' of NULL.
 */
export function outputText(expression: string): string {
  return `CASE WHEN ${expression} IS DISTINCT FROM NULL THEN pg_catalog.concat(${expression}) END`
}
