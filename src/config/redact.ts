/** A configuration for printing: with everything but its secrets. */

export const REDACTED = '<redacted>'

// `key` alone is the path of a file (TLS) or the name of a column.
const SECRET_KEY =
  /^(?:url|uri|dsn|connection_?string|auth|authorization)$|pass[_-]?(?:word|wort|wd|phrase|code)|(?:^|[_-])pass$|secret|token|credential|private_?key$|api_?key$|access_?key/i

/** By its name: `url`, `password`, `apiKey`, `secret_access_key`. */
export function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key)
}

/** A copy in which the values of secret keys, at any depth, are `<redacted>`. Absent values stay absent. */
export function redact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redact)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, isSecretKey(key) && item !== undefined ? REDACTED : redact(item)]),
  )
}
