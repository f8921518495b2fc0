/** How values and keys are named outside SQL: in the text forms that the source understands. */
import type { ColumnType } from '../../core/table-schema.ts'

/** As an SQL expression of the value. */
export function textForm(expression: string, type: ColumnType): string {
  switch (type.kind) {
    case 'bytes':
      return `'\\\\x' || LOWER(TO_VARCHAR(${expression}, 'HEX'))`
    case 'json':
      return `TO_JSON(${expression})`
    case 'date':
      return `TO_VARCHAR(${expression}, 'YYYY-MM-DD')`
    case 'time':
      return withoutZeros(`TO_VARCHAR(${expression}, 'HH24:MI:SS.FF6')`)
    case 'timestamp':
      return withoutZeros(`TO_VARCHAR(${expression}, 'YYYY-MM-DD HH24:MI:SS.FF6')`)
    case 'timestamptz':
      return `${withoutZeros(`TO_VARCHAR(${expression}, 'YYYY-MM-DD HH24:MI:SS.FF6')`)} || '+00'`
    default:
      return `CAST(${expression} AS VARCHAR)`
  }
}

/** The source writes no zeros at the end of a fraction. */
function withoutZeros(text: string): string {
  return `RTRIM(RTRIM(${text}, '0'), '.')`
}

/** JSON array of text forms. */
export function keyText(parts: readonly { readonly expression: string; readonly type: ColumnType }[]): string {
  return `TO_JSON(ARRAY_CONSTRUCT(${parts.map((part) => textForm(part.expression, part.type)).join(', ')}))`
}
