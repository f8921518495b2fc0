/** Questions about all files of a set together: keys that are in two of them, periods without one. */
import type { CheckResult, CheckRule, FileResult } from '../../core/file-check.ts'
import type { FileSet } from '../../core/file-set.ts'
import { count, counted } from '../../core/quantity.ts'
import { quoteName } from '../../file-sets/value-cast.ts'
import type { CheckSession } from './check-database.ts'
import type { Answer, FilePasses } from './file-passes.ts'
import { keyRules } from './file-questions.ts'
import { judgeCounts, unasked } from './judgement.ts'

const EXAMPLES = 3

/** Rules of a set that ask for keys across its files. */
export function acrossRules(set: FileSet): readonly CheckRule[] {
  return [...keyRules(set), ...set.rules].filter(
    ({ question }) => question.kind === 'unique' && question.across === 'set',
  )
}

export interface ReadableFile {
  readonly passes: FilePasses
  /** As in `ReadRequest`. */
  readonly sound: ReadonlySet<string>
}

/** Columns of which the scan of a file has found each text to be a value; none where it has refused a record. */
export function soundColumnsOf({ coverage, checks }: FileResult): ReadonlySet<string> {
  const sound = checks.flatMap(({ id, failed }) =>
    id.startsWith(TYPE_CHECK) && failed === 0 ? [id.slice(TYPE_CHECK.length)] : [],
  )
  return new Set(coverage.rejected === 0 ? sound : [])
}

const TYPE_CHECK = 'structure.type.'

/** The question of a rule, where one of the files cannot be read. */
export function unaskedAcross(rule: CheckRule, message: string): CheckResult {
  return unasked(describedAcross(rule), message)
}

function describedAcross({ name, question, severity, limit, why, fix }: CheckRule) {
  if (question.kind !== 'unique') throw new Error('the rule asks for no keys')
  return {
    id: `rule.${name}`,
    kind: 'rule' as const,
    title: `${question.columns.join(', ')} is in one file only`,
    severity,
    limit,
    why,
    fix: fix ?? 'Look whether a file holds rows of another period, or was delivered twice under two names.',
  }
}

/**
 * Each file's keys are read once into a table on the side, which lies on the disk where memory is full, and are compared there.
 * Keys that repeat within a file are told by that file's own check.
 */
export async function checkAcross(
  rule: CheckRule,
  files: readonly ReadableFile[],
  session: CheckSession,
  signal: AbortSignal,
): Promise<CheckResult> {
  const { question } = rule
  if (question.kind !== 'unique') throw new Error('the rule asks for no keys')
  const described = describedAcross(rule)
  const keys = question.columns.map(quoteName)
  const present = keys.map((key) => `${key} IS NOT NULL`).join(' AND ')
  const names = files.map(({ passes }) => passes.file.name)
  let made = false
  await session.run('DROP TABLE IF EXISTS set_keys')
  for (const [index, { passes, sound }] of files.entries()) {
    const missing = question.columns.filter((name) => !passes.planned().columns.has(name))
    if (missing.length > 0) return unasked(described, `${passes.file.name} has no column ${missing.join(', ')}`)
    const select = `SELECT ${keys.join(', ')}, ${index} AS "~file" FROM file WHERE ${present}`
    const table = { session, made, index }
    const read = (trusted: ReadonlySet<string>) => keepKeys({ passes, sound: trusted }, select, table, signal)
    const answer = (await read(sound)) ?? (await read(new Set())) ?? { failure: 'records were refused' }
    if ('failure' in answer) return unasked(described, `${passes.file.name} could not be read: ${answer.failure}`)
    made = true
  }
  const list = keys.join(', ')
  const grouped = `SELECT ${list}, count(*) AS n, min("~file") AS first, max("~file") AS last FROM set_keys GROUP BY ${list}`
  const sql = `SELECT sum(n)::BIGINT, count(*) FILTER (first <> last), sum(n) FILTER (first <> last)::BIGINT FROM (${grouped})`
  const [rows, repeated, repeatedRows] = (await session.row(sql)).map((value) => Number(value ?? 0))
  const pairs =
    repeated === 0
      ? []
      : await session.rows(
          `SELECT first, last, count(*) FROM (${grouped}) WHERE first <> last GROUP BY 1, 2 ORDER BY 3 DESC LIMIT ${EXAMPLES}`,
        )
  const involved =
    repeated === 0
      ? []
      : await session.rows(
          `SELECT DISTINCT "~file" FROM set_keys SEMI JOIN (SELECT ${list} FROM (${grouped}) WHERE first <> last) USING (${list}) ORDER BY 1`,
        )
  await session.run('DROP TABLE set_keys')
  const told = pairs.map(
    ([first, last, number]) => `${count(Number(number))} in ${names[Number(first)]} and ${names[Number(last)]}`,
  )
  const result = judgeCounts({
    ...described,
    sql,
    evaluated: rows ?? 0,
    failed: (repeatedRows ?? 0) - (repeated ?? 0),
    failing: `${counted(repeated ?? 0, 'value')} of ${question.columns.join(', ')} ${repeated === 1 ? 'is' : 'are'} in more than one file: ${told.join('; ')}`,
    passing: `No two of ${counted(files.length, 'file')} have a value in common, of ${counted(rows ?? 0, 'row')}`,
    unasked: 'No row has a value',
  })
  return { ...result, files: involved.flatMap(([index]) => names[Number(index)] ?? []) }
}

interface KeyTable {
  readonly session: CheckSession
  /** The table is there. */
  readonly made: boolean
  /** Of the file. */
  readonly index: number
}

/** Undefined: DuckDB's reader has refused what the scan has taken for numbers; nothing of the file is kept then. */
async function keepKeys(
  { passes, sound }: ReadableFile,
  select: string,
  { session, made, index }: KeyTable,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  return await passes.pass({ session, sound }, signal, async ({ relation, statement, rows }) => {
    const sql = `${relation.prologue}${select}`
    const answer = await rows(made ? `INSERT INTO set_keys ${sql}` : `CREATE TEMP TABLE set_keys AS ${sql}`)
    if (sound.size === 0 || statement.rejected === undefined) return answer
    if ('failure' in answer) return undefined
    const [refused] = await session.row(`SELECT count(*) FROM (${statement.rejected})`)
    if (Number(refused) === 0) return answer
    await session.run(made ? `DELETE FROM set_keys WHERE "~file" = ${index}` : 'DROP TABLE set_keys')
    return undefined
  })
}
