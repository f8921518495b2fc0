/** Names and literals in SQL. Every identifier is quoted and every text that cannot be bound goes through here. */

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

export function qualifiedName(namespace: string, name: string): string {
  return `${quoteIdentifier(namespace)}.${quoteIdentifier(name)}`
}

/**
 * A list of files for `read_parquet`. Table functions take no bound list, and each entry is a glob pattern, so that
 * characters with a meaning there are put into classes of their own.
 */
export function fileList(locations: readonly string[]): string {
  return `[${locations.map((location) => quoteLiteral(location.replaceAll(/[[*?]/g, '[$&]'))).join(', ')}]`
}

/** `TIMESTAMPTZ` literal of milliseconds since 1970. */
export function timestampLiteral(ms: number): string {
  return `TIMESTAMPTZ ${quoteLiteral(new Date(ms).toISOString().replace('T', ' ').replace('Z', '+00'))}`
}
