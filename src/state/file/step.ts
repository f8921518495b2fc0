/** The steps that a journal has. What is not here is in the files of tables. */
import type { StreamToken } from '../../core/source.ts'
import type { StageFile } from '../../core/stage.ts'
import type { ChunkRecord, ErrorRecord, RunRecord, SourceRecord } from '../../core/state.ts'
import type { TableId, TableSchema } from '../../core/table-schema.ts'

/** LSNs in hex: JSON has no 64-bit numbers. */
export interface StoredSource extends Omit<SourceRecord, 'stagedThroughLsn' | 'confirmedLsn'> {
  readonly stagedThrough: string
}

/** A schema is large and shared by many files: it is written once, and referred to by its number. */
export interface StoredFile extends Omit<StageFile, 'schema'> {
  readonly schema: number
  readonly loadedMs?: number
}

export interface StoredFiles {
  readonly files: readonly StoredFile[]
  /** Those among the schemas that no earlier step has. */
  readonly schemas: readonly { readonly id: number; readonly schema: TableSchema }[]
}

export type Step =
  | { readonly step: 'source'; readonly record: StoredSource }
  | ({
      readonly step: 'staged'
      readonly source: string
      readonly through: string
      readonly tokens: readonly StreamToken[]
    } & StoredFiles)
  | ({ readonly step: 'chunk-finished'; readonly chunk: ChunkRecord } & StoredFiles)
  /** Files as they are, loaded ones too: how a journal that was written anew begins. */
  | ({ readonly step: 'files' } & StoredFiles)
  | { readonly step: 'token'; readonly token: StreamToken }
  | { readonly step: 'plan'; readonly table: TableId; readonly chunks: readonly ChunkRecord[] }
  | { readonly step: 'loaded'; readonly batches: readonly string[]; readonly loadedMs: number }
  | { readonly step: 'reconciled'; readonly table: TableId; readonly checkpoint: string; readonly loadedMs: number }
  | { readonly step: 'forgotten'; readonly batches: readonly string[] }
  | { readonly step: 'pruned'; readonly source: string; readonly through: string }
  | { readonly step: 'discarded'; readonly table: TableId }
  | { readonly step: 'removed'; readonly table: TableId }
  | { readonly step: 'run'; readonly run: RunRecord }
  | { readonly step: 'error'; readonly error: ErrorRecord }

/** Unique among tables of a state, whatever their names have in them. */
export function tableKey({ source, namespace, name }: TableId): string {
  return JSON.stringify([source, namespace, name])
}

export function tableOfKey(key: string): TableId {
  const [source, namespace, name] = JSON.parse(key) as [string, string, string]
  return { source, namespace, name }
}
