/** Times as reports show them. */

/** `2024-03-04 17:05:09 UTC`: the same wherever a report is read. */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
