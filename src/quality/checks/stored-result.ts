/**
 * A result as text. Checks of one pass have one statement, which names each of them: it stands once, under `statements`, and checks
 * have its place there. A thousand rules would be hundreds of megabytes otherwise.
 *
 * Version 1 had the statement in each check. It is still read.
 */
import { PipelineError } from '../../core/errors.ts'
import { type CheckResult, type CheckRun, RESULT_VERSION } from '../../core/file-check.ts'

interface StoredCheck extends Omit<CheckResult, 'sql'> {
  /** Place in `statements`. */
  readonly sql: number | undefined
}

type WithChecks<T, C> = Omit<T, 'checks'> & { readonly checks: readonly C[] }

interface StoredRun extends Omit<CheckRun, 'files' | 'sets'> {
  readonly statements: readonly string[]
  readonly files: readonly WithChecks<CheckRun['files'][number], StoredCheck>[]
  readonly sets: readonly WithChecks<CheckRun['sets'][number], StoredCheck>[]
}

export function storedText(run: CheckRun): string {
  const places = new Map<string, number>()
  const placeOf = (sql: string): number => {
    const place = places.get(sql) ?? places.size
    places.set(sql, place)
    return place
  }
  const stored = <T extends { readonly checks: readonly CheckResult[] }>(part: T) => ({
    ...part,
    checks: part.checks.map((check) => ({ ...check, sql: check.sql === undefined ? undefined : placeOf(check.sql) })),
  })
  const { version, files, sets, ...facts } = run
  const [storedFiles, storedSets] = [files.map(stored), sets.map(stored)]
  const text: StoredRun = { version, statements: [...places.keys()], ...facts, files: storedFiles, sets: storedSets }
  return JSON.stringify(text)
}

/** `path`: for errors. Throws `state_version` for a result that a newer version wrote, `state_unavailable` for no result. */
export function parseResult(text: string, path: string): CheckRun {
  const value = parsedJson(text, path)
  const version = typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined
  if (version === 1) return { ...(value as CheckRun), version: RESULT_VERSION }
  if (version === RESULT_VERSION) {
    const stored = value as StoredRun
    if (!Array.isArray(stored.statements)) throw broken(path, new Error('it has no statements'))
    return withStatements(stored)
  }
  throw new PipelineError('state_version', `Reading the result ${path}`, {
    cause: new Error(`it has version ${String(version)}, and this program reads versions 1 and ${RESULT_VERSION}`),
    hint: 'Use the version of simplyload that wrote it, or check the file again.',
  })
}

function parsedJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw broken(path, cause)
  }
}

function broken(path: string, cause: unknown): PipelineError {
  return new PipelineError('state_unavailable', `Reading the result ${path}`, {
    cause,
    hint: 'The file was changed or cut by another program: check again, and remove it.',
  })
}

function withStatements({ statements, files, sets, ...facts }: StoredRun): CheckRun {
  const whole = <T extends { readonly checks: readonly StoredCheck[] }>(part: T) => ({
    ...part,
    checks: part.checks.map((check) => ({
      ...check,
      sql: check.sql === undefined ? undefined : statements[check.sql],
    })),
  })
  return { ...facts, files: files.map(whole), sets: sets.map(whole) }
}
