/** VARIANT, OBJECT and ARRAY (docs: sql-reference/functions-semistructured). Objects are kept with sorted keys, so new ones are sorted too. */
import type { Binder, FunctionBinder, FunctionTable } from './binding.ts'
import { argument, boundArguments, unknown } from './binding.ts'
import { asText, cast, variantText } from './cast.ts'
import { variantOf } from './cast-variant.ts'
import type { Call } from './syntax-tree.ts'
import type { Value } from './value.ts'
import { BOOLEAN, number, TEXT, VARIANT, value } from './value.ts'

export const semiStructuredFunctions: FunctionTable = {
  OBJECT_CONSTRUCT: (call, binder) => object(call, binder, false),
  OBJECT_CONSTRUCT_KEEP_NULL: (call, binder) => object(call, binder, true),
  ARRAY_CONSTRUCT: (call, binder) => {
    const items = boundArguments(call, binder, 0, Number.POSITIVE_INFINITY).map(
      (one) => `COALESCE(${json(binder, one)}, CAST('null' AS JSON))`,
    )
    return value(`CAST(to_json([${items.join(', ')}]::JSON[]) AS JSON)`, { kind: 'ARRAY' }, { nullable: false })
  },
  ARRAY_CONSTRUCT_COMPACT: (call, binder) => {
    const items = boundArguments(call, binder, 0, Number.POSITIVE_INFINITY).map((one) => json(binder, one))
    const kept = `list_filter([${items.join(', ')}]::JSON[], lambda item: item IS NOT NULL)`
    return value(`CAST(to_json(${kept}) AS JSON)`, { kind: 'ARRAY' }, { nullable: false })
  },
  ARRAY_SIZE: (call, binder) => {
    const of = argument(boundArguments(call, binder, 1), 0)
    const sql = `CASE WHEN json_type(${of.sql}) = 'ARRAY' THEN json_array_length(${of.sql}) END`
    return value(sql, number(9, 0), { exact: false })
  },
  ARRAY_CONTAINS: (call, binder) => {
    const args = boundArguments(call, binder, 2)
    return value(
      `list_contains(json_extract(${argument(args, 1).sql}, '$[*]'), ${json(binder, argument(args, 0))})`,
      BOOLEAN,
    )
  },
  ARRAY_TO_STRING: (call, binder) => {
    const args = boundArguments(call, binder, 2)
    const items = `list_transform(json_extract(${argument(args, 0).sql}, '$[*]'), lambda item: COALESCE(item ->> '$', ''))`
    return value(`array_to_string(${items}, ${asText(binder.statement, argument(args, 1)).sql})`, TEXT)
  },
  ARRAY_APPEND: (call, binder) => {
    const args = boundArguments(call, binder, 2)
    const items = `list_append(json_extract(${argument(args, 0).sql}, '$[*]'), COALESCE(${json(binder, argument(args, 1))}, CAST('null' AS JSON)))`
    return value(`CAST(to_json(${items}) AS JSON)`, { kind: 'ARRAY' })
  },
  ARRAY_CAT: (call, binder) => {
    const args = boundArguments(call, binder, 2)
    const items = `list_concat(json_extract(${argument(args, 0).sql}, '$[*]'), json_extract(${argument(args, 1).sql}, '$[*]'))`
    return value(
      `CASE WHEN ${argument(args, 0).sql} IS NOT NULL AND ${argument(args, 1).sql} IS NOT NULL THEN CAST(to_json(${items}) AS JSON) END`,
      {
        kind: 'ARRAY',
      },
    )
  },
  GET: (call, binder) => {
    const [of, step] = call.args
    boundArguments(call, binder, 2)
    if (of === undefined || step === undefined) throw unknown(binder.statement, call, 'GET')
    return binder.bind({ type: 'path', of, steps: [{ index: step }], start: call.start, end: call.end })
  },
  GET_PATH: (call, binder) => {
    const [of, path] = call.args
    boundArguments(call, binder, 2)
    if (of === undefined || path?.type !== 'string')
      throw unknown(binder.statement, call, 'GET_PATH with a computed path')
    const place = { start: call.start, end: call.end }
    const steps = [...path.value.matchAll(/(?:^|\.)([^.[\]]+)|\[(\d+)\]/g)].map(([, field, index]) =>
      field !== undefined ? { field } : { index: { type: 'number' as const, text: index ?? '0', ...place } },
    )
    return binder.bind({ type: 'path', of, steps, ...place })
  },
  OBJECT_KEYS: (call, binder) => {
    const of = argument(boundArguments(call, binder, 1), 0)
    return value(`CAST(to_json(json_keys(${of.sql})) AS JSON)`, { kind: 'ARRAY' })
  },
  OBJECT_DELETE: (call, binder) => {
    const [of, ...keys] = boundArguments(call, binder, 2, Number.POSITIVE_INFINITY)
    const gone = keys.map((key) => asText(binder.statement, key).sql)
    const first = of ?? argument([], 0)
    return value(rebuilt(first.sql, `entry.key NOT IN (${gone.join(', ')})`), { kind: 'OBJECT' })
  },
  OBJECT_INSERT: (call, binder) => {
    const args = boundArguments(call, binder, 3, 4)
    const [of, key, item] = [argument(args, 0), argument(args, 1), argument(args, 2)]
    const name = asText(binder.statement, key).sql
    const patch = `json_merge_patch(${of.sql}, json_object(${name}, ${json(binder, item)}))`
    return value(`CAST(sf_parse_json(CAST(${patch} AS VARCHAR)) AS JSON)`, { kind: 'OBJECT' })
  },
  IS_NULL_VALUE: (call, binder) => {
    const of = argument(boundArguments(call, binder, 1), 0)
    return value(`(json_type(${of.sql}) = 'NULL')`, BOOLEAN)
  },
  IS_OBJECT: typeTest("= 'OBJECT'"),
  IS_ARRAY: typeTest("= 'ARRAY'"),
  IS_BOOLEAN: typeTest("= 'BOOLEAN'"),
  IS_VARCHAR: typeTest("= 'VARCHAR'"),
  IS_CHAR: typeTest("= 'VARCHAR'"),
  IS_INTEGER: typeTest("IN ('UBIGINT', 'BIGINT', 'HUGEINT')"),
  AS_VARCHAR: asType((of) => variantText(of), "= 'VARCHAR'"),
  AS_CHAR: asType((of) => variantText(of), "= 'VARCHAR'"),
  AS_OBJECT: asType((of) => ({ ...of, type: { kind: 'OBJECT' } }), "= 'OBJECT'"),
  AS_ARRAY: asType((of) => ({ ...of, type: { kind: 'ARRAY' } }), "= 'ARRAY'"),
  AS_INTEGER: asType(
    (of, binder) => cast(binder.statement, of, number(38, 0), { lenient: true }),
    "IN ('UBIGINT', 'BIGINT', 'HUGEINT')",
  ),
  AS_DOUBLE: asType(
    (of, binder) => cast(binder.statement, of, { kind: 'FLOAT' }, { lenient: true }),
    "IN ('UBIGINT', 'BIGINT', 'HUGEINT', 'DOUBLE')",
  ),
}

/** The JSON of any value. */
function json(binder: Binder, of: Value): string {
  return variantOf(of, (one) => asText(binder.statement, one)).sql
}

/** Pairs of key and value, or `*` for the row. Pairs with a NULL key or value are left out unless NULLs are kept. */
function object(call: Call, binder: Binder, keepNull: boolean): Value {
  if (call.star) throw unknown(binder.statement, call, `${call.name}(*)`)
  if (call.args.length % 2 === 1) throw unknown(binder.statement, call, `${call.name} with an odd number of arguments`)
  const args = boundArguments(call, binder, 0, Number.POSITIVE_INFINITY)
  const pairs: string[] = []
  for (let index = 0; index < args.length; index += 2) {
    const key = asText(binder.statement, argument(args, index)).sql
    const item = json(binder, argument(args, index + 1))
    const kept = keepNull ? `${key} IS NOT NULL` : `${key} IS NOT NULL AND ${item} IS NOT NULL`
    const text = keepNull ? `COALESCE(CAST(${item} AS VARCHAR), 'null')` : `CAST(${item} AS VARCHAR)`
    pairs.push(`CASE WHEN ${kept} THEN CAST(to_json(${key}) AS VARCHAR) || ':' || ${text} END`)
  }
  // concat_ws leaves the NULLs out.
  const body = pairs.length === 0 ? "''" : `concat_ws(',', ${pairs.join(', ')})`
  return value(`CAST(sf_parse_json('{' || ${body} || '}') AS JSON)`, { kind: 'OBJECT' }, { nullable: false })
}

/** An object with those entries that a condition keeps. */
function rebuilt(sql: string, condition: string): string {
  return `(SELECT CAST(COALESCE(json_group_object(entry.key, entry.value), CAST('{}' AS JSON)) AS JSON) FROM json_each(${sql}) AS entry WHERE ${condition})`
}

function typeTest(test: string): FunctionBinder {
  return (call, binder) => {
    const of = argument(boundArguments(call, binder, 1), 0)
    return value(`(json_type(${of.sql}) ${test})`, BOOLEAN)
  }
}

function asType(convert: (of: Value, binder: Binder) => Value, test: string): FunctionBinder {
  return (call, binder) => {
    const of = argument(boundArguments(call, binder, 1), 0)
    const converted = convert({ ...of, type: VARIANT }, binder)
    return value(`CASE WHEN json_type(${of.sql}) ${test} THEN ${converted.sql} END`, converted.type)
  }
}
