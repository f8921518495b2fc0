/** Names and literals in SQL. Every identifier is quoted, and every text that cannot be bound goes through here. */

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** `"DB"."SCHEMA"."TABLE"` */
export function qualifiedName(...names: readonly string[]): string {
  return names.map(quoteIdentifier).join('.')
}

/** Snowflake reads backslashes in literals as escapes. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

/**
 * A name as people write it in configuration → the name that the catalog has: `analytics` is `ANALYTICS`, and only
 * what stands in double quotes keeps its case.
 */
export function catalogName(written: string): string {
  const quoted = /^"((?:[^"]|"")+)"$/.exec(written)
  return quoted?.[1] === undefined ? written.toUpperCase() : quoted[1].replaceAll('""', '"')
}
