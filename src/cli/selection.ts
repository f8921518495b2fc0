import type { Selection } from '../core/application.ts'

export interface SelectionOptions {
  readonly source?: string
  readonly table?: readonly string[]
}

export function selection(options: SelectionOptions): Selection {
  return { source: options.source, tables: options.table ?? [] }
}
