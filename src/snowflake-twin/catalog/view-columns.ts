/** Columns of system views and of SHOW, written as a line of text each: `NAME, ROWS NUMBER, CREATED TIME`. */
import type { DataType } from '../sql/data-type.ts'
import type { SystemValue, SystemView } from './system-relations.ts'

const TYPES: Readonly<Record<string, DataType>> = {
  TEXT: { kind: 'VARCHAR', length: 16_777_216 },
  NUMBER: { kind: 'NUMBER', precision: 38, scale: 0 },
  CREDITS: { kind: 'NUMBER', precision: 38, scale: 9 },
  FLOAT: { kind: 'FLOAT' },
  FLAG: { kind: 'BOOLEAN' },
  DATE: { kind: 'DATE' },
  TIME: { kind: 'TIMESTAMP_LTZ', precision: 6 },
}

export interface ViewColumn {
  readonly name: string
  readonly type: DataType
}

/** A name without a type is text. */
export function viewColumns(text: string): readonly ViewColumn[] {
  return text.split(',').map((part) => {
    const [, name = '', , type = 'TEXT'] = /^\s*("[^"]+"|\S+)(\s+(\w+))?\s*$/.exec(part) ?? []
    const known = TYPES[type]
    if (known === undefined) throw new Error(`A view has a column of an unknown type: ${part}`)
    return { name: name.replaceAll('"', ''), type: known }
  })
}

/** What a row has not is NULL. */
export type ViewRow = Readonly<Record<string, SystemValue>>

export function viewOf(columns: readonly ViewColumn[], rows: () => readonly ViewRow[]): SystemView {
  return { columns, rows: () => rows().map((row) => columns.map(({ name }) => row[name])) }
}

/** As DuckDB reads a moment. */
export function momentText(ms: number): string {
  return `${new Date(ms).toISOString().replace('T', ' ').replace('Z', '')}+00`
}

export function yesOrNo(value: boolean): string {
  return value ? 'YES' : 'NO'
}
