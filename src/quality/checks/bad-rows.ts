/**
 * Rows that cannot be loaded, in a file of their own: line, offset, reason, and the record as it stands there. Exactly those that the
 * checks have counted: records that the reader has refused, values that are none of their type, values that are missing.
 */
import { relative, sep } from 'node:path'
import type { FileResult } from '../../core/file-check.ts'
import type { DelimitedFormat, FoundFile } from '../../core/file-set.ts'
import { readRecord } from '../../file-sets/prologue.ts'
import { quoteName } from '../../file-sets/value-cast.ts'
import { type BadRowFile, type BadRowPlace, openBadRowFile } from './bad-row-file.ts'
import type { OpenPass } from './file-passes.ts'
import type { FileQuestions, RowQuestion } from './file-questions.ts'
import { ROW_NUMBER } from './file-relation.ts'
import { walkRecords } from './record-locator.ts'
import type { FileScan } from './scan-file.ts'

export async function keepBadRows(
  scan: FileScan,
  { folder, ...place }: BadRowPlace & { readonly folder: string },
  signal: AbortSignal,
): Promise<NonNullable<FileResult['badRows']>> {
  const { reader } = scan
  const isText = reader.file.set.format.kind === 'delimited'
  await using kept = await openBadRowFile(place, signal)
  const rows = await reader.pass({ numbered: true }, signal, (pass) =>
    isText ? fromText(scan, pass, kept, signal) : fromParquet(scan, pass, kept),
  )
  await kept.finish()
  return { rows, path: relative(folder, place.path).replaceAll(sep, '/') }
}

async function fromText(
  { reader, rejects, questions }: FileScan,
  pass: OpenPass,
  kept: BadRowFile,
  signal: AbortSignal,
): Promise<number> {
  const { file, offsetShift, knowsOffsets } = reader
  const reasonAt = new Map(rejects.map(({ offset, reason }) => [offset + offsetShift, reason]))
  const bad = new BadNumbers(questions, pass)
  let rows = 0
  await walkRecords(
    file,
    {
      rejected: [...reasonAt.keys()],
      // A record has a byte at least: no more than so many begin in it.
      before: async (parsed, bytes) => {
        await bad.readThrough(parsed + bytes + 1)
        if (kept.isFull) await kept.flush()
      },
      see: ({ line, byteOffset, bytes }, number) => {
        const reason = number === undefined ? reasonAt.get(byteOffset) : bad.reasonOf(number)
        if (reason === undefined) return true
        rows++
        const record = masked(file, bytes().toString('utf8'), number !== undefined)
        kept.add({ line, byteOffset: knowsOffsets ? byteOffset : undefined, reason, record })
        return true
      },
    },
    signal,
  )
  return rows
}

async function fromParquet(
  { reader, questions }: FileScan,
  { relation, session }: OpenPass,
  kept: BadRowFile,
): Promise<number> {
  const shown = [...relation.columns.values()].map(({ name, raw, value }) => {
    const isSensitive = reader.file.set.columns.some((column) => column.name === name && column.sensitive)
    return `${quoteName(name)} := ${isSensitive ? "'***'" : (raw ?? value)}`
  })
  const asked = reasonsOf(questions.rows)
  const flags = asked.map(({ condition }) => `coalesce(${condition}, FALSE)`)
  const sql = `${relation.prologue}SELECT ${[quoteName(ROW_NUMBER), `to_json(struct_pack(${shown.join(', ')}))::VARCHAR`, ...flags].join(', ')}
FROM file WHERE ${questions.isBadRow}`
  let rows = 0
  for await (const [number, record, ...found] of session.stream(sql)) {
    kept.add({ line: Number(number), byteOffset: undefined, reason: reasonOf(asked, found), record: String(record) })
    if (kept.isFull) await kept.flush()
    rows++
  }
  return rows
}

/** Numbers of the rows that are bad, in their order, as far as they were asked for. */
class BadNumbers {
  readonly #rows: AsyncGenerator<readonly unknown[]>
  readonly #asked: readonly RowQuestion[]
  readonly #reasons = new Map<number, string>()
  #through = 0
  #done = false

  constructor({ rows, isBadRow }: FileQuestions, { relation, session }: OpenPass) {
    this.#asked = reasonsOf(rows)
    const flags = this.#asked.map(({ condition }) => `coalesce(${condition}, FALSE)`)
    this.#rows = session.stream(
      `${relation.prologue}SELECT ${[quoteName(ROW_NUMBER), ...flags].join(', ')}\nFROM file WHERE ${isBadRow}`,
    )
  }

  async readThrough(number: number): Promise<void> {
    while (!this.#done && this.#through < number) {
      const next = await this.#rows.next()
      if (next.done === true) {
        this.#done = true
        return
      }
      const [at, ...flags] = next.value
      this.#through = Number(at)
      this.#reasons.set(this.#through, reasonOf(this.#asked, flags))
    }
  }

  reasonOf(number: number): string | undefined {
    const reason = this.#reasons.get(number)
    if (reason !== undefined) this.#reasons.delete(number)
    return reason
  }
}

function reasonsOf(rows: readonly RowQuestion[]): readonly RowQuestion[] {
  return rows.filter(({ makesBad }) => makesBad)
}

function reasonOf(asked: readonly RowQuestion[], flags: readonly unknown[]): string {
  return asked.flatMap(({ reason }, index) => (flags[index] === true ? [reason] : [])).join('; ')
}

function masked(file: FoundFile, record: string, isParsed: boolean): string {
  const { format, columns } = file.set
  if (format.kind === 'parquet' || !columns.some(({ sensitive }) => sensitive)) return record
  return isParsed ? maskedValues(record, format, file) : '***'
}

function maskedValues(record: string, format: DelimitedFormat, { set }: FoundFile): string {
  const { values } = readRecord(Buffer.from(record), 0, format)
  // The header may have another order; then no place is known to be harmless.
  if (values.length !== set.columns.length) return '***'
  return values.map((value, index) => (set.columns[index]?.sensitive === true ? '***' : value)).join(format.delimiter)
}
