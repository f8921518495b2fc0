/** Times in SQL: microseconds since 1970, as whole numbers, and TIMESTAMP_TZ in UTC. The session's time zone is UTC. */

export function microsOf(timestamp: string): string {
  return `DATE_PART(EPOCH_MICROSECOND, ${timestamp})`
}

export function timestampOf(micros: string): string {
  return `TO_TIMESTAMP_TZ(${micros}, 6)`
}

/** Of milliseconds since 1970. */
export function timestampLiteral(ms: number): string {
  return literal(new Date(ms).toISOString().replace('T', ' ').replace('Z', ' +00:00'))
}

/** `_fivetran_end` of a version that holds. */
export const NO_END = literal('9999-12-31 23:59:59.999999 +00:00')

function literal(text: string): string {
  return `'${text}'::TIMESTAMP_TZ(6)`
}
