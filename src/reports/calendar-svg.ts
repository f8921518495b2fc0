/** The calendar as a picture, for PDFs and e-mails: weeks from left to right, Monday on top, a strip for each year. */
import type { CheckRun, DayResult } from '../core/file-check.ts'
import { escapeHtml } from './escape-html.ts'
import { FONT_NAME } from './report-font.ts'

type DayStatus = DayResult['status']

/** Worst first: where files share a day, the worst counts. */
export const DAY_STATUSES: readonly DayStatus[] = [
  'missing',
  'duplicate',
  'partial',
  'unexpected',
  'anomaly',
  'learning',
  'ok',
  'closed',
]

/** The page has the same colours and signs. Signs are characters that the font has. */
const LOOKS: Readonly<Record<DayStatus, readonly [color: string, sign: string, words: string]>> = {
  missing: ['#c9303e', '×', 'missing'],
  duplicate: ['#a03ac0', '2', 'loaded twice'],
  partial: ['#ef8a2c', '½', 'partial'],
  unexpected: ['#2f7fd1', '+', 'unexpected'],
  anomaly: ['#e8bd1d', '!', 'unusual'],
  learning: ['#cfdae6', '', 'too little known'],
  ok: ['#8fd0ab', '', 'fine'],
  closed: ['#e9ecf0', '', 'closed'],
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const DAY_MS = 86_400_000
const [CELL, GAP, LEFT, TOP, STRIP_GAP] = [10, 2, 44, 14, 8]
const STEP = CELL + GAP
const STRIP = TOP + 7 * STEP + STRIP_GAP
/** Fixed, so that the cells of a short and of a long calendar are of one size. */
export const CALENDAR_WIDTH = LEFT + 54 * STEP

/** Years that a picture has at most, the last ones. */
const YEARS_MAX = 5

/** Status by day of all files of a set, in the order of days. */
export function setDays(run: CheckRun, set: string): ReadonlyMap<string, DayStatus> {
  const days = new Map<string, DayStatus>()
  for (const file of run.files) {
    if (file.set !== set) continue
    for (const { day, status } of file.days) {
      const known = days.get(day)
      if (known === undefined || DAY_STATUSES.indexOf(status) < DAY_STATUSES.indexOf(known)) days.set(day, status)
    }
  }
  return new Map([...days].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Undefined: there are no days. */
export function calendarSvg(days: ReadonlyMap<string, DayStatus>): string | undefined {
  const years = [...Map.groupBy(days, ([day]) => day.slice(0, 4))].slice(-YEARS_MAX)
  if (years.length === 0) return undefined
  const strips = years.map(([year, entries], place) => yearStrip(year, entries, place * STRIP))
  const used = DAY_STATUSES.filter((status) => [...days.values()].includes(status))
  const height = years.length * STRIP + 18
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${CALENDAR_WIDTH}" height="${height}" viewBox="0 0 ${CALENDAR_WIDTH} ${height}" font-family="${FONT_NAME}" font-size="9" fill="#16202c">${strips.join('')}${legend(used, years.length * STRIP)}</svg>`
}

function yearStrip(year: string, entries: readonly (readonly [string, DayStatus])[], top: number): string {
  const start = Date.parse(`${year}-01-01`)
  const offset = weekday(`${year}-01-01`)
  const month = (day: string): string => day.slice(5, 7)
  const cells = entries.map(([day, status], index) => {
    const week = Math.floor((Math.round((Date.parse(day) - start) / DAY_MS) + offset) / 7)
    const [x, y] = [LEFT + week * STEP, top + TOP + weekday(day) * STEP]
    const previous = entries[index - 1]?.[0]
    const label =
      previous === undefined || month(previous) !== month(day)
        ? `<text x="${x}" y="${top + 9}" fill="#5b6878">${MONTHS[Number(month(day)) - 1]}</text>`
        : ''
    return `${label}${cell(x, y, status)}`
  })
  return `<text x="0" y="${top + TOP + 8}" font-weight="bold">${escapeHtml(year)}</text>${cells.join('')}`
}

function cell(x: number, y: number, status: DayStatus): string {
  const [color, sign] = LOOKS[status]
  const ink = status === 'partial' || status === 'anomaly' ? '#16202c' : '#ffffff'
  const text =
    sign === ''
      ? ''
      : `<text x="${x + CELL / 2}" y="${y + 8}" font-size="8" fill="${ink}" text-anchor="middle">${sign}</text>`
  return `<rect x="${x}" y="${y}" width="${CELL}" height="${CELL}" rx="2" fill="${color}"/>${text}`
}

function legend(statuses: readonly DayStatus[], top: number): string {
  let x = LEFT
  return statuses
    .map((status) => {
      const [, , words] = LOOKS[status]
      const item = `${cell(x, top, status)}<text x="${x + STEP + 2}" y="${top + 8}">${words}</text>`
      x += STEP + 12 + words.length * 5
      return item
    })
    .join('')
}

/** From 0 for Monday. */
function weekday(day: string): number {
  return (new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7
}
