/** Words that are no names unless quoted (docs: sql-reference/reserved-keywords). */

/** Cannot start an expression as a column's name. */
const NOT_COLUMNS = new Set(
  `ALL ALTER AND ANY AS BETWEEN BY CASE CHECK COLUMN CONNECT CREATE CROSS DELETE DISTINCT DROP ELSE EXISTS FOLLOWING FOR FROM FULL GRANT GROUP HAVING
  ILIKE IN INNER INSERT INTERSECT INTO IS JOIN LATERAL LEFT LIKE MINUS NATURAL NOT NULL OF ON OR ORDER QUALIFY REGEXP REVOKE RIGHT RLIKE ROW ROWS
  SAMPLE SELECT SET SOME START TABLE TABLESAMPLE THEN TO TRIGGER UNION UNIQUE UPDATE USING VALUES WHEN WHENEVER WHERE WITH EXCEPT`
    .trim()
    .split(/\s+/),
)

/** Cannot be an alias without AS, because they begin what may follow. */
const NOT_ALIASES = new Set([
  ...NOT_COLUMNS,
  ...`LIMIT OFFSET FETCH ASOF MATCH_CONDITION WINDOW PIVOT UNPIVOT MATCH_RECOGNIZE END AT BEFORE CHANGES RETURNING OVERWRITE CLONE`.split(
    ' ',
  ),
])

export function mayBeColumn(word: string): boolean {
  return !NOT_COLUMNS.has(word)
}

export function mayBeAlias(word: string): boolean {
  return !NOT_ALIASES.has(word)
}
