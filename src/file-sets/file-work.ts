/** What the application asks of the source: which files are loaded, and which periods go. The source knows no checks. */
import type { PipelineError } from '../core/errors.ts'
import type { FilePeriod, FileSet, FoundFile } from '../core/file-set.ts'
import type { FileToken } from './file-token.ts'

export type FileWork =
  | {
      readonly kind: 'load'
      readonly file: FoundFile
      readonly checksum: string | undefined
      /** It is loaded although it was before. */
      readonly again: boolean
    }
  | { readonly kind: 'remove'; readonly id: string; readonly period: FilePeriod }

/**
 * Asked at the start of each round, with what is known of the set: what is to be done now, in order. A file in progress
 * comes first, wherever it stands; what is done already is left out.
 */
export type FindWork = (set: FileSet, token: FileToken, signal: AbortSignal) => Promise<readonly FileWork[]>

/** Hears of files while they are loaded. */
export interface FileProblems {
  /** What is wrong with one, each time that it was to be loaded. */
  note(set: FileSet, error: PipelineError): void
  /** So much of it is staged: bytes of the file as it lies there. */
  progress?(file: FoundFile, bytes: number): void
}
