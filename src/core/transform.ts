/**
 * What a table's rows become on their way to the destination.
 *
 * A transform is asked row by row: what it gives for a row depends on that row alone, so a row comes out alike in a
 * snapshot, in the stream and in `verify`, whatever it was batched with.
 */

export interface TableTransform {
  readonly form: TransformForm
  /** What becomes of rows that it fails on: the table stops before them, or goes on and they are quarantined. */
  readonly onError: 'stop' | 'continue'
  /** Differs where the transform differs. */
  readonly digest: string
}

export type TransformForm =
  /** A SELECT over the relation `batch`, whose columns are those of the source. */
  | { readonly kind: 'sql'; readonly sql: string }
  /** A `RowTransform` that a module exports. `file` is an absolute path. */
  | { readonly kind: 'module'; readonly file: string; readonly exportName: string }

/**
 * A value as a row transform gets it. Whole numbers up to 32 bits and floats: number. 64 bits: bigint. Bytes:
 * Uint8Array. Decimals, dates, times, timestamps, UUIDs and JSON: their text, so that nothing of them is lost.
 */
export type TransformValue = string | number | bigint | boolean | Uint8Array | null

/** What may be given back: for timestamps also a Date, for JSON also what JSON can say. */
export type TransformResult = TransformValue | Date | readonly unknown[] | { readonly [key: string]: unknown }

export interface RowTransform<Read extends string = string, Written extends string = string> {
  /** Columns that `row` is given. All others pass as they are. */
  readonly reads: readonly Read[]
  /** Columns that are left out, besides those that are written. */
  readonly drops?: readonly string[]
  /** Columns that `row` gives, each with its type as in `types` of the configuration: `text`, `int64`, `decimal(38,9)`. */
  readonly writes: Readonly<Record<Written, string>>
  /**
   * The written columns of one row; null: the row is left out. Called for each row by itself and more than once, so the
   * same values must give the same result. Must not be async.
   */
  row(values: Readonly<Record<Read, TransformValue>>): Readonly<Record<Written, TransformResult>> | null
}

/** Gives a transform its types; does nothing else. */
export function defineTransform<const Read extends string, const Written extends string>(
  transform: RowTransform<Read, Written>,
): RowTransform<Read, Written> {
  return transform
}
