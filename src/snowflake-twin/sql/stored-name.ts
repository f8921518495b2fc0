/**
 * How the twin names Snowflake's objects in DuckDB. Snowflake keeps names exactly, and `"Id"` and `"ID"` are two columns; DuckDB compares names
 * without regard to (ASCII) case. So a name that has small letters gets a suffix that says which of its letters are small; a name that Snowflake
 * would write without quotes is stored as it is.
 */

/** Unquoted. Different names have stored names that differ also without regard to case. */
export function storedName(name: string): string {
  if (!/[a-z~]/.test(name)) return name
  let mask = 0n
  for (let i = 0; i < name.length; i++) if (/[a-z]/.test(name[i] ?? '')) mask |= 1n << BigInt(i)
  return `${name}~${mask.toString(36).toUpperCase()}`
}

/** The Snowflake name of what {@link storedName} gave. */
export function originalName(stored: string): string {
  const end = stored.lastIndexOf('~')
  return end === -1 ? stored : stored.slice(0, end)
}

/** A name as a DuckDB or Snowflake identifier, always quoted. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A Snowflake name as a DuckDB identifier. */
export function storedIdentifier(name: string): string {
  return quoted(storedName(name))
}

/** A DuckDB string literal. */
export function textLiteral(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}
