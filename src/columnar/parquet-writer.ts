import type { ColumnVector } from '../core/batch.ts'

export interface ParquetSink {
  /** Appends. The bytes are not touched again by the writer. */
  write(bytes: Uint8Array): Promise<void>
}

export interface ParquetOptions {
  /** Key-value metadata of the file. */
  readonly metadata: Readonly<Record<string, string>>
  /** Default: zstd at level 1. */
  readonly compression?: { readonly codec: 'zstd'; readonly level: number } | { readonly codec: 'none' }
}

/**
 * One Parquet file. Row groups may have different columns (vectors are matched by name): a column that a row group lacks
 * is NULL in it. Calls must not overlap; each resolves when its bytes are with the sink.
 */
export class ParquetWriter {
  // biome-ignore lint/complexity/noUselessConstructor: the signature comes first
  constructor(_sink: ParquetSink, _options: ParquetOptions) {}

  /** Returns the index of the row group. At least one vector, all with the same number of rows. */
  writeRowGroup(_vectors: readonly ColumnVector[]): Promise<number> {
    throw new Error('not written yet')
  }

  /** Adds a column to a row group that was written without it (`_source_position`, once it is known). */
  appendColumn(_rowGroup: number, _vector: ColumnVector): Promise<void> {
    throw new Error('not written yet')
  }

  /** Writes the footer. The file is complete; the sink is the caller's to close. */
  finish(): Promise<{ readonly bytes: number; readonly rows: number }> {
    throw new Error('not written yet')
  }
}
