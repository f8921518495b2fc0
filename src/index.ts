/** What `import … from 'simplyload'` gives. */
// biome-ignore-all lint/performance/noBarrelFile: the one entry of the library, named in package.json
export type { LogLevel, VerificationReport } from './core/application.ts'
export type { RowDifference, TableComparison } from './core/destination.ts'
export { describeError, type ErrorCode, isPipelineError, PipelineError } from './core/errors.ts'
export type { ProgressEvent, ProgressListener, SyncSummary } from './core/progress.ts'
export type { TableState } from './core/state.ts'
export type { TableId } from './core/table-schema.ts'
export { defineTransform, type RowTransform, type TransformResult, type TransformValue } from './core/transform.ts'
export {
  defineConfig,
  type LibraryOptions,
  type SimplyloadConfig,
  type SyncOptions,
  sync,
  type VerifyOptions,
  verify,
} from './library.ts'
