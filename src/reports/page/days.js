/** The days of one set, put together from its files. */

/**
 * @import { ReportData, ReportFile } from '../report-data.ts'
 * @import { DayResult } from '../../core/file-check.ts'
 */

/**
 * @typedef {{ readonly file: ReportFile, readonly index: number }} DayPlace
 * @typedef {{
 *   readonly day: string, readonly rows: number, readonly name: string, readonly expected: boolean,
 *   readonly status: DayResult['status'], readonly band: readonly [number, number, number] | null,
 *   readonly failing: number, readonly places: readonly DayPlace[],
 * }} Day
 */

/** Worst first: where files share a day, the worst counts. @type {readonly DayResult['status'][]} */
export const STATUSES = ['missing', 'duplicate', 'partial', 'unexpected', 'anomaly', 'learning', 'ok', 'closed']

/** @type {Readonly<Record<DayResult['status'], string>>} */
export const STATUS_SIGNS = {
  missing: '×',
  duplicate: '2',
  partial: '½',
  unexpected: '+',
  anomaly: '!',
  learning: '',
  ok: '',
  closed: '',
}

/** @type {Readonly<Record<DayResult['status'], string>>} */
export const STATUS_WORDS = {
  missing: 'missing',
  duplicate: 'loaded twice',
  partial: 'partial',
  unexpected: 'unexpected',
  anomaly: 'unusual',
  learning: 'too little known to compare',
  ok: 'fine',
  closed: 'closed',
}

/**
 * Sets with days, in the order of the files.
 * @param {ReportData} data
 * @returns {ReadonlyMap<string, readonly Day[]>}
 */
export function daysBySet(data) {
  /** @type {Map<string, Map<string, DayPlace[]>>} */
  const sets = new Map()
  for (const file of data.files) {
    const days = sets.get(file.set) ?? new Map()
    sets.set(file.set, days)
    file.days.day.forEach((day, index) => {
      const places = days.get(day)
      if (places === undefined) days.set(day, [{ file, index }])
      else places.push({ file, index })
    })
  }
  return new Map(
    [...sets]
      .filter(([, days]) => days.size > 0)
      .map(([set, days]) => [
        set,
        [...days].sort(([a], [b]) => (a < b ? -1 : 1)).map(([day, places]) => joined(day, places)),
      ]),
  )
}

/** @param {string} day @param {readonly DayPlace[]} places @returns {Day} */
function joined(day, places) {
  /** @template T @param {(days: ReportFile['days'], index: number) => T} read */
  const all = (read) => places.map(({ file, index }) => read(file.days, index))
  const statuses = all((days, index) => days.status[index] ?? 'ok')
  return {
    day,
    rows: all((days, index) => days.rows[index] ?? 0).reduce((sum, rows) => sum + rows, 0),
    name: all((days, index) => days.name[index] ?? '')[0] ?? '',
    expected: all((days, index) => days.expected[index] ?? false).some(Boolean),
    status: STATUSES.find((status) => statuses.includes(status)) ?? 'ok',
    band: places.length === 1 ? (all((days, index) => days.band[index] ?? null)[0] ?? null) : null,
    failing: all((days, index) => (days.failed[index]?.length ?? 0) / 2).reduce((sum, rules) => sum + rules, 0),
    places,
  }
}
