/** A file as a relation of DuckDB: rows with their types under their names, as rules see them, and the text that they have in the file. */
import type { ReadStatement } from '../../file-sets/read-statement.ts'
import { quoteName } from '../../file-sets/value-cast.ts'
import type { QuestionColumn } from './file-questions.ts'

/** Name of the column with the number of a row, from 1. Only where it is asked for: then the file is read in one thread. */
export const ROW_NUMBER = '~row'

export interface TypedRelation {
  /** `WITH source AS (…), file AS (…) `. It can be read once where the file comes through a pipe. */
  readonly prologue: string
  /** Columns of the set that the file has. */
  readonly columns: ReadonlyMap<string, QuestionColumn>
}

export function typedRelation(statement: ReadStatement, numbered: boolean): TypedRelation {
  const columns = new Map<string, QuestionColumn>()
  const list: string[] = numbered ? [quoteName(ROW_NUMBER)] : []
  for (const { column, raw, value, isPresent } of statement.columns) {
    const name = quoteName(column.name)
    if (!isPresent) {
      list.push(`${value} AS ${name}`)
      continue
    }
    // Text has no other form, and neither has what is stored with its type.
    const isSame = raw === value || column.type.kind === 'text'
    const rawName = quoteName(`~${column.name}`)
    list.push(`${value} AS ${name}`)
    if (!isSame) list.push(`${raw} AS ${rawName}`)
    columns.set(column.name, {
      name: column.name,
      type: column.type,
      format: column.format,
      value: name,
      raw: isSame ? name : rawName,
      typeText: column.sourceType,
      nullable: column.nullable,
    })
  }
  const source = numbered ? `SELECT row_number() OVER () AS ${quoteName(ROW_NUMBER)}, * ` : ''
  const prologue = `WITH source AS (${source}FROM ${statement.table}), file AS (SELECT ${list.join(', ')} FROM source)\n`
  return { prologue, columns }
}
