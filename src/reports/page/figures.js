/** Numbers, sizes and times as they are shown. */

/** `1,204,331`. @param {number} value */
export function count(value) {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 row`, `2,000 rows`. @param {number} value @param {string} one @param {string} [many] */
export function counted(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** `12.4k`, for axes. @param {number} value */
export function compact(value) {
  for (const [limit, unit] of /** @type {const} */ ([
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ]))
    if (Math.abs(value) >= limit * 0.9995)
      return `${Number((value / limit).toFixed(value / limit < 99.95 ? 1 : 0))}${unit}`
  return String(Number(value.toFixed(1)))
}

/** `1.5 MB`. @param {number} value */
export function byteText(value) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let scaled = value
  let unit = 0
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000
    unit += 1
  }
  return `${unit === 0 || scaled >= 99.95 ? scaled.toFixed(0) : scaled.toFixed(1)} ${units[unit]}`
}

/** `4.2 s`, `3 min 20 s`. @param {number} ms */
export function durationText(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`
}

/** `2024-03-04 17:05:09 UTC`. @param {number} ms */
export function timeText(ms) {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

export const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
export const WEEKDAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']

/** From 0 for Monday. @param {string} day */
export function weekdayOf(day) {
  return (new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7
}

/** `Monday, 4 March 2024`. @param {string} day */
export function longDay(day) {
  const months = 'January February March April May June July August September October November December'.split(' ')
  return `${WEEKDAYS[weekdayOf(day)]}, ${Number(day.slice(8))} ${months[Number(day.slice(5, 7)) - 1]} ${day.slice(0, 4)}`
}

/** `+12 %`. @param {number} value @param {number} expected */
export function deviation(value, expected) {
  if (expected === 0) return ''
  const percent = Math.round((value / expected - 1) * 100)
  return `${percent > 0 ? '+' : percent < 0 ? '−' : '±'}${Math.abs(percent)} %`
}
