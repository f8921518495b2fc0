/** Statements, held against a parser of Snowflake's SQL that others have written. */
import { Dialect, parse } from '@polyglot-sql/sdk'

/** What the parser does not know, and where Snowflake documents it (docs.snowflake.com/en/sql-reference/sql/…). */
export const NOT_KNOWN: Readonly<Record<string, RegExp>> = {
  'alter-session: several parameters': /^ALTER SESSION SET /,
  'create-schema, create-database: COMMENT': /^CREATE (SCHEMA|DATABASE) IF NOT EXISTS \S+ COMMENT = /,
  'create-table: LIKE … COPY GRANTS': /^CREATE OR REPLACE TABLE \S+ LIKE \S+ COPY GRANTS$/,
  'create-table: CLUSTER BY … COMMENT': /^CREATE OR REPLACE TABLE .* CLUSTER BY \([^)]*\) COMMENT = /,
  'create-table: COPY GRANTS': /^CREATE OR REPLACE TABLE .* COPY GRANTS COMMENT = /,
  'show-grants': /^SHOW GRANTS TO ROLE "\w+"$/,
  'desc-integration': /^DESC INTEGRATION "\w+"$/,
}

/** Those that it refuses, what it is known not to know included. One of each shape is looked at. */
export function refusedByParser(statements: Iterable<string>): readonly string[] {
  const shapes = new Map<string, string>()
  for (const sql of statements) {
    const plain = sql.trim().replaceAll(/\s+/g, ' ')
    shapes.set(plain.replaceAll(/'(?:[^'\\]|\\.|'')*'/g, "''").replaceAll(/\d+/g, '0'), plain)
  }
  return [...shapes.values()].filter((sql) => !parse(sql, Dialect.Snowflake).success)
}
