const BARS = '▁▂▃▄▅▆▇█'

/** The newest `width` values, scaled from 0 to the largest of them; one column each. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = width <= 0 ? [] : values.slice(-width)
  const largest = Math.max(...shown, Number.MIN_VALUE)
  return shown
    .map((value) => BARS[Math.min(BARS.length - 1, Math.floor((value / largest) * BARS.length))] ?? '')
    .join('')
}

/** `━━━━╸───`: `fraction` from 0 to 1. */
export function progressBar(fraction: number, width: number): { readonly done: string; readonly rest: string } {
  const halves = Math.round(Math.min(1, Math.max(0, fraction)) * width * 2)
  const full = Math.floor(halves / 2)
  const done = '━'.repeat(full) + (halves % 2 === 1 ? '╸' : '')
  return { done, rest: '─'.repeat(Math.max(0, width - done.length)) }
}

/** The value below which the share `rank` of all values lies; 0 for none. */
export function percentile(values: readonly number[], rank: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * rank))] ?? 0
}
