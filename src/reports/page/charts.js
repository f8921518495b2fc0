/** Lines and bars, drawn by hand: a library for two charts would be larger than the rest of the page. */
import { STATUS_WORDS } from './days.js'
import { drawn, element } from './element.js'
import { compact, count, longDay, MONTHS } from './figures.js'

/** @import { Day } from './days.js' */

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [1000, 250, 52, 10, 12, 26]

/**
 * Rows, or a sum, day by day; rows with the band of what was expected.
 * @param {readonly Day[]} days
 * @param {string} series `rows`, or the name of a column
 * @param {(day: Day) => void} choose
 */
export function dayChart(days, series, choose) {
  const values = days.map((day) => seriesValue(day, series))
  const bands = days.map((day) => (series === 'rows' ? day.band : null))
  const known = [
    ...values.filter((value) => value !== null),
    ...bands.flatMap((band) => (band === null ? [] : [band[2]])),
  ]
  const largest = niceAbove(Math.max(1, ...known))
  const smallest = Math.min(0, ...known) < 0 ? -niceAbove(-Math.min(...known)) : 0
  /** @param {number} index */
  const x = (index) => round(LEFT + ((WIDTH - LEFT - RIGHT) * (index + 0.5)) / days.length)
  /** @param {number} value */
  const y = (value) => round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - smallest) / (largest - smallest)))
  const line = values.map((value, index) =>
    value === null || days[index]?.status === 'closed' ? null : `${x(index)} ${y(value)}`,
  )
  return drawn(
    'svg',
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      class: 'chart',
      role: 'img',
      'aria-label': `${series} by day, ${days.length} days`,
    },
    [0, 0.25, 0.5, 0.75, 1].flatMap((part) => {
      const value = smallest + (largest - smallest) * part
      return [
        drawn('line', { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), class: 'grid' }),
        drawn('text', { x: LEFT - 6, y: y(value) + 4, class: 'axis end' }, compact(value)),
      ]
    }),
    days.flatMap(({ day }, index) =>
      day.endsWith('-01') && (days.length < 450 || ['01', '04', '07', '10'].includes(day.slice(5, 7)))
        ? [
            drawn(
              'text',
              { x: x(index), y: HEIGHT - 8, class: x(index) > WIDTH - 40 ? 'axis end' : 'axis' },
              day.slice(5, 7) === '01' ? day.slice(0, 4) : (MONTHS[Number(day.slice(5, 7)) - 1] ?? ''),
            ),
          ]
        : [],
    ),
    bandShapes(bands, x, y),
    drawn('path', { d: joinedPath(line), class: 'line' }),
    days.flatMap((day, index) => {
      const value = values[index] ?? null
      if (value === null || !['missing', 'partial', 'unexpected', 'duplicate', 'anomaly'].includes(day.status))
        return []
      const words = `${longDay(day.day)}: ${STATUS_WORDS[day.status]}, ${count(value)}`
      return [
        drawn(
          'circle',
          { cx: x(index), cy: y(value), r: 4.5, class: `point s-${day.status}`, click: () => choose(day) },
          drawn('title', {}, words),
        ),
      ]
    }),
  )
}

/** @param {Day} day @param {string} series */
function seriesValue(day, series) {
  if (series === 'rows') return day.rows
  const texts = day.places.flatMap(({ file, index }) => file.days.sums[series]?.[index] ?? [])
  return texts.length === 0 ? null : texts.reduce((sum, text) => sum + Number(text), 0)
}

/** Parts of the line between days without a value. @param {readonly (string | null)[]} points */
function joinedPath(points) {
  let isPen = false
  let path = ''
  for (const point of points) {
    // Closed days are left out, so that Sundays do not draw a comb; the line goes on over them.
    if (point === null) continue
    path += `${isPen ? 'L' : 'M'}${point}`
    isPen = true
  }
  return path
}

/**
 * @param {readonly (readonly [number, number, number] | null)[]} bands
 * @param {(index: number) => number} x
 * @param {(value: number) => number} y
 */
function bandShapes(bands, x, y) {
  const known = bands.flatMap((band, index) => (band === null ? [] : [{ index, band }]))
  if (known.length === 0) return []
  const upper = known.map(({ index, band }) => `${x(index)} ${y(band[2])}`)
  const lower = known.map(({ index, band }) => `${x(index)} ${y(band[1])}`).reverse()
  return [
    drawn('path', { d: `M${[...upper, ...lower].join('L')}Z`, class: 'band' }),
    drawn('path', {
      d: `M${known.map(({ index, band }) => `${x(index)} ${y(band[0])}`).join('L')}`,
      class: 'expected',
    }),
  ]
}

/**
 * One bar for each run, this one last.
 * @param {string} title
 * @param {readonly { readonly value: number, readonly label: string, readonly verdict: string }[]} bars
 */
export function runBars(title, bars) {
  const largest = Math.max(1, ...bars.map(({ value }) => value))
  const width = 300 / Math.max(bars.length, 8)
  const last = bars.at(-1)
  return element(
    'figure',
    { class: 'runs' },
    element('figcaption', {}, title, element('b', {}, last === undefined ? '' : count(last.value))),
    drawn(
      'svg',
      { viewBox: '0 0 300 80', role: 'img', 'aria-label': `${title} of ${bars.length} runs` },
      bars.map(({ value, label, verdict }, place) => {
        const height = value === 0 ? 1 : Math.max(2, (value / largest) * 76)
        return drawn(
          'rect',
          {
            x: round(place * width + 0.5),
            y: round(80 - height),
            width: round(Math.max(1, width - 2)),
            height: round(height),
            rx: 1,
            class: `run ${verdict}`,
          },
          drawn('title', {}, `${label}: ${count(value)}`),
        )
      }),
    ),
  )
}

/** 1, 2, 2.5 or 5 times a power of ten. @param {number} value */
function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 2.5, 5, 10].find((step) => step * power >= value) ?? 10) * power
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10
}
