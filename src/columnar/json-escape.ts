import type { WireBuffer } from './wire-buffer.ts'

const BACKSLASH = 0x5c
const LETTER_U = 0x75

/** From here on a search in native code is worth its call. */
const SEARCH_FROM_BYTES = 128

/**
 * Whether JSON text has a `\u` escape of half a surrogate pair. Postgres' `json` (not `jsonb`) holds such text, DuckDB's
 * JSON does not: one of them fails the INSERT of a whole batch. `offset` and `length` are those of valid JSON.
 */
export function hasUnpairedSurrogate(source: WireBuffer, offset: number, length: number): boolean {
  const end = offset + length
  const view = source.view
  let at = offset
  if (length > SEARCH_FROM_BYTES) {
    const first = source.bytes.subarray(offset, end).indexOf(BACKSLASH)
    if (first < 0) return false
    at += first
  }
  for (; at < end - 1; at++) {
    if (view.getUint8(at) !== BACKSLASH) continue
    const kind = surrogateKind(view, at, end)
    if (kind === 'low') return true
    if (kind === 'high') {
      if (surrogateKind(view, at + 6, end) !== 'low') return true
      at += 11
    } else at++
  }
  return false
}

/** What the escape at `at` is. */
function surrogateKind(view: DataView, at: number, end: number): 'none' | 'high' | 'low' {
  if (at + 6 > end || view.getUint8(at) !== BACKSLASH || view.getUint8(at + 1) !== LETTER_U) return 'none'
  // \uD800 to \uDBFF are high, \uDC00 to \uDFFF low: the second digit tells.
  const first = view.getUint8(at + 2) | 0x20
  if (first !== 0x64) return 'none'
  const second = view.getUint8(at + 3) | 0x20
  if (second === 0x38 || second === 0x39 || second === 0x61 || second === 0x62) return 'high'
  return second >= 0x63 && second <= 0x66 ? 'low' : 'none'
}
