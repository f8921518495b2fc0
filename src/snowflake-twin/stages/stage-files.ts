/** Files of a stage, wherever they lie: a folder of the twin, a folder that stands for a bucket, or an S3 server. */

export interface StageFile {
  /** Within the stage, with slashes: `orders/2026/1.parquet`. */
  readonly path: string
  /** As LIST and COPY show it: `my_stage/orders/1.parquet`, `s3://bucket/orders/1.parquet`. */
  readonly shownName: string
  readonly bytes: number
  /** Hexadecimal; what tells two files of one name apart. */
  readonly etag: string
  readonly modifiedMs: number
}

export interface StageFiles {
  /** What stands in METADATA$FILENAME before `StageFile.path`: the prefix in the bucket of an external stage. */
  readonly metadataPrefix: string
  /** Files whose path begins with `prefix`, by path. */
  list(prefix: string): Promise<readonly StageFile[]>
  /** Files in this folder whose paths within it are `StageFile.path`, so that DuckDB can read them; downloads what is elsewhere. */
  localFolder(files: readonly StageFile[]): Promise<string>
  remove(files: readonly StageFile[]): Promise<void>
}
