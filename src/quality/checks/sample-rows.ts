/**
 * Rows that fail, to look at: a few of each question, with their place in the file. The scan has only counted them, so they are
 * looked for in a pass of its own, which ends when enough is found; files without faults never have it.
 */
import type { BadRowSample } from '../../core/file-check.ts'
import type { FoundFile } from '../../core/file-set.ts'
import { quoteName } from '../../file-sets/value-cast.ts'
import { dayText } from '../calendar/civil-date.ts'
import type { FilePasses } from './file-passes.ts'
import type { RowQuestion } from './file-questions.ts'
import { ROW_NUMBER } from './file-relation.ts'
import { locateRecords, type RecordPlace, type RecordPlaces } from './record-locator.ts'
import type { RejectList } from './reject-list.ts'

export const SAMPLES_MAX = 10
const VALUE_MAX = 500
/** It has no width, and readers of text drop it at a beginning: samples show it as this. */
export const BYTE_ORDER_MARK = '<U+FEFF>'
/** Where most rows fail, those that fail otherwise are not looked for to the end. */
const LOOKED_AT_MAX = 20_000
/** Conditions of one statement: a thousand of them would take longer to plan than to run. */
const QUESTIONS_MAX = 64

/** By id of the question. */
export type Samples = ReadonlyMap<string, readonly BadRowSample[]>

export interface SampledQuestion extends Pick<RowQuestion, 'id' | 'condition' | 'reason'> {
  /** As many as fail, by the scan. */
  readonly failed: number
}

interface FoundRow {
  readonly number: number
  readonly day: string | undefined
  readonly values: Readonly<Record<string, string | null>>
  readonly questions: readonly SampledQuestion[]
}

export async function sampleRows(
  reader: FilePasses,
  questions: readonly SampledQuestion[],
  rejects: RejectList,
  signal: AbortSignal,
): Promise<Samples> {
  const asked = questions.filter(({ failed }) => failed > 0).slice(0, QUESTIONS_MAX)
  if (asked.length === 0 && rejects.length === 0) return new Map()
  const rows = asked.length === 0 ? [] : await findRows(reader, asked, signal)
  const shown = [...Map.groupBy(rejects, ({ kind }) => kind).values()].flatMap((some) => some.slice(0, SAMPLES_MAX))
  const places = await placesOf(
    reader,
    rows.map(({ number }) => number),
    rejects,
    shown,
    signal,
  )
  const samples = new Map<string, BadRowSample[]>()
  const add = (id: string, sample: BadRowSample) => samples.set(id, [...(samples.get(id) ?? []), sample])
  for (const { number, day, values, questions: failing } of rows) {
    const place = places.rows.get(number)
    for (const { id, reason } of failing)
      add(id, { ...placed(reader, place), values, reason, ...(day === undefined ? {} : { day }) })
  }
  for (const { kind, offset, reason } of shown) {
    const place = places.rejected.get(offset + reader.offsetShift)
    add(`structure.${kind}`, { ...placed(reader, place), values: { record: rawOf(reader.file, place) }, reason })
  }
  return samples
}

/** `rows`: numbers of parsed rows. Of refused records all up to the last one that is wanted must be passed. */
export async function placesOf(
  reader: FilePasses,
  rows: readonly number[],
  rejects: RejectList,
  shown: RejectList,
  signal: AbortSignal,
): Promise<RecordPlaces> {
  if (reader.file.set.format.kind === 'parquet') return { rows: new Map(), rejected: new Map() }
  const numbers = [...new Set(rows)].sort((a, b) => a - b)
  const last = shown.reduce((most, { offset }) => Math.max(most, offset), -1)
  const wanted = numbers.length > 0 ? rejects : rejects.filter(({ offset }) => offset <= last)
  const offsets = wanted.map(({ offset }) => offset + reader.offsetShift)
  return await locateRecords(reader.file, numbers, offsets, last + reader.offsetShift, signal)
}

export function placed(reader: FilePasses, place: RecordPlace | undefined): Pick<BadRowSample, 'line' | 'byteOffset'> {
  return { line: place?.line, byteOffset: reader.knowsOffsets ? place?.byteOffset : undefined }
}

async function findRows(
  reader: FilePasses,
  asked: readonly SampledQuestion[],
  signal: AbortSignal,
): Promise<readonly FoundRow[]> {
  const { set } = reader.file
  return await reader.pass({ numbered: true }, signal, async ({ session, relation }) => {
    const shown = [...relation.columns.values()]
    const day = set.dateColumn === undefined ? undefined : relation.columns.get(set.dateColumn)?.value
    const list = [
      quoteName(ROW_NUMBER),
      day === undefined ? 'NULL' : `CAST(${day} AS DATE) - DATE '1970-01-01'`,
      ...asked.map(({ condition }) => `coalesce(${condition}, FALSE)`),
      ...shown.map(
        ({ raw, value }) =>
          `replace(left(CAST(${raw ?? value} AS VARCHAR), ${VALUE_MAX}), chr(65279), '${BYTE_ORDER_MARK}')`,
      ),
    ]
    const any = asked.map(({ condition }) => `(${condition})`).join(' OR ')
    const sql = `${relation.prologue}SELECT ${list.join(',\n')}\nFROM file WHERE ${any}`
    const missing = new Map(asked.map(({ id, failed }) => [id, Math.min(failed, SAMPLES_MAX)]))
    const found: FoundRow[] = []
    let lookedAt = 0
    for await (const [number, dayNumber, ...cells] of session.stream(sql)) {
      const failing = asked.filter(({ id }, index) => cells[index] === true && (missing.get(id) ?? 0) > 0)
      if (failing.length > 0) {
        for (const { id } of failing) missing.set(id, (missing.get(id) ?? 0) - 1)
        const values = shown.map(
          ({ name }, index) => [name, masked(reader.file, name, cells[asked.length + index])] as const,
        )
        found.push({
          number: Number(number),
          day: dayNumber === null || dayNumber === undefined ? undefined : dayText(Number(dayNumber)),
          values: Object.fromEntries(values),
          questions: failing,
        })
      }
      lookedAt++
      if (lookedAt >= LOOKED_AT_MAX || [...missing.values()].every((rest) => rest === 0)) break
    }
    return found
  })
}

function masked({ set }: FoundFile, name: string, value: unknown): string | null {
  if (value === null || value === undefined) return null
  return set.columns.some((column) => column.name === name && column.sensitive) ? '***' : String(value)
}

/** A record that could not be cut into columns may show a sensitive one at any place. */
function rawOf({ set }: FoundFile, place: RecordPlace | undefined): string | null {
  if (place === undefined) return null
  return set.columns.some(({ sensitive }) => sensitive) ? '***' : place.raw.slice(0, VALUE_MAX)
}
