/** Values as VARIANT, OBJECT and ARRAY, which the twin keeps as canonical JSON text (canonical-json.ts). */
import type { DataType } from './data-type.ts'
import { typeText } from './data-type.ts'
import { SnowflakeError } from './snowflake-error.ts'
import type { Value } from './value.ts'
import { exactSql, isSemiStructured, VARIANT } from './value.ts'

/** `textOfMoment` writes dates and times, which JSON has no form for. */
export function castToSemiStructured(of: Value, to: DataType, textOfMoment: (of: Value) => Value): Value {
  const json = variantOf(of, textOfMoment)
  if (to.kind === 'VARIANT') return { ...json, type: to }
  if (of.type.kind === to.kind) return of
  if (!isSemiStructured(of.type)) {
    throw new SnowflakeError(
      '001007',
      '22023',
      `SQL compilation error:\ninvalid type [CAST(${typeText(of.type)} AS ${to.kind})] for parameter 'TO_${to.kind}'`,
    )
  }
  if (to.kind === 'ARRAY') {
    // Anything that is not an array becomes an array of that one thing.
    const sql =
      `CASE WHEN ${json.sql} IS NULL OR json_type(${json.sql}) = 'NULL' THEN NULL ` +
      `WHEN json_type(${json.sql}) = 'ARRAY' THEN ${json.sql} ELSE CAST('[' || ${json.sql} || ']' AS JSON) END`
    return { ...json, sql, type: to }
  }
  const sql =
    `CASE WHEN ${json.sql} IS NULL OR json_type(${json.sql}) = 'NULL' THEN NULL WHEN json_type(${json.sql}) = 'OBJECT' THEN ${json.sql} ` +
    `ELSE CAST(error('SF|100071|22000|Failed to cast variant value ' || left(CAST(${json.sql} AS VARCHAR), 60) || ' to OBJECT') AS JSON) END`
  return { ...json, sql, type: to }
}

/** TO_VARIANT. */
export function variantOf(of: Value, textOfMoment: (of: Value) => Value): Value {
  const result = (sql: string): Value => ({ sql, type: VARIANT, exact: true, nullable: of.nullable })
  if (of.untyped) return result('CAST(NULL AS JSON)')
  const { type } = of
  switch (type.kind) {
    case 'VARIANT':
    case 'OBJECT':
    case 'ARRAY':
      return of.native === undefined ? { ...of, type: VARIANT } : variantOf(of.native, textOfMoment)
    case 'VARCHAR':
    case 'BOOLEAN':
      return result(`to_json(${of.sql})`)
    case 'NUMBER': {
      const text = `CAST(${exactSql(of)} AS VARCHAR)`
      return result(`CAST(${type.scale === 0 ? text : `regexp_replace(${text}, '\\.?0+$', '')`} AS JSON)`)
    }
    case 'FLOAT':
      // JSON has no NaN and no infinity; Snowflake keeps them in a VARIANT and shows them as strings.
      return result(
        `CASE WHEN isfinite(${of.sql}) THEN CAST(sf_json_double(${of.sql}) AS JSON) ELSE to_json(sf_float_text(${of.sql})) END`,
      )
    case 'BINARY':
      return result(`to_json(hex(${of.sql}))`)
    default:
      return result(`to_json(${textOfMoment(of).sql})`)
  }
}
