/** Functions in FROM: FLATTEN, GENERATOR, SPLIT_TO_TABLE, RESULT_SCAN, and those of INFORMATION_SCHEMA, which the server answers. */
import { argument, compilationError, unknown } from './binding.ts'
import { asText } from './cast.ts'
import type { DataType } from './data-type.ts'
import type { ExpressionBinder } from './expression-binder.ts'
import { doesNotExist } from './object-name.ts'
import type { OutputColumn } from './scope.ts'
import type { Call, Expression } from './syntax-tree.ts'
import { number, TEXT, VARIANT } from './value.ts'

interface FunctionRelation {
  /** With LATERAL where it needs it. */
  readonly from: string
  readonly columns: readonly OutputColumn[]
}

export function tableFunction(binder: ExpressionBinder, call: Call): FunctionRelation {
  switch (call.name) {
    case 'FLATTEN':
      return flatten(binder, call)
    case 'GENERATOR':
      return generator(binder, call)
    case 'SPLIT_TO_TABLE':
    case 'STRTOK_SPLIT_TO_TABLE':
      return split(binder, call)
    case 'RESULT_SCAN':
      return resultScan(binder, call)
    default:
      return informationSchema(binder, call)
  }
}

function column(name: string, type: DataType): OutputColumn {
  return { name, stored: name, type, nullable: true }
}

/** docs: sql-reference/functions/flatten. */
function flatten(binder: ExpressionBinder, call: Call): FunctionRelation {
  const given = new Map(call.named.map(({ name, value }) => [name, value]))
  const input = given.get('INPUT') ?? call.args[0]
  if (input === undefined) throw unknown(binder.statement, call, 'FLATTEN without INPUT')
  if (call.args.length > 1) throw unknown(binder.statement, call, 'FLATTEN with more than one argument without a name')
  for (const name of given.keys()) {
    if (!['INPUT', 'PATH', 'OUTER', 'RECURSIVE', 'MODE'].includes(name))
      throw unknown(binder.statement, call, `FLATTEN's ${name}`)
  }
  const flag = (name: string) => given.get(name)?.type === 'boolean' && (given.get(name) as { value: boolean }).value
  if (flag('RECURSIVE')) throw unknown(binder.statement, call, 'FLATTEN with RECURSIVE => TRUE')
  const path = given.get('PATH')
  const mode = given.get('MODE')
  const modeText = mode?.type === 'string' ? mode.value.toUpperCase() : 'BOTH'
  const of = path === undefined ? binder.bind(input) : binder.bind(getPath(input, path))
  const prefix = path?.type === 'string' ? `'${path.value.replaceAll("'", "''")}'` : "''"
  const wanted = modeText === 'BOTH' ? "('ARRAY', 'OBJECT')" : `('${modeText === 'OBJECT' ? 'OBJECT' : 'ARRAY'}')`
  const elements =
    `SELECT CAST(1 AS DECIMAL(18,0)) AS "SEQ", CASE WHEN json_type(j) = 'OBJECT' THEN e.key END AS "KEY", ` +
    `CASE WHEN json_type(j) = 'OBJECT' THEN ${prefix} || CASE WHEN ${prefix} = '' THEN '' ELSE '.' END || e.key ELSE ${prefix} || '[' || e.key || ']' END AS "PATH", ` +
    `CASE WHEN json_type(j) = 'ARRAY' THEN CAST(e.key AS DECIMAL(18,0)) END AS "INDEX", ` +
    // DuckDB gives strings of json_each without JSON's quotes in `atom`, with them in `value`.
    `e.value AS "VALUE", j AS "THIS" FROM (SELECT CAST(${of.sql} AS JSON) AS j) AS i, json_each(i.j) AS e WHERE json_type(j) IN ${wanted}`
  const outer =
    `SELECT CAST(1 AS DECIMAL(18,0)) AS "SEQ", CAST(NULL AS VARCHAR) AS "KEY", CAST(NULL AS VARCHAR) AS "PATH", CAST(NULL AS DECIMAL(18,0)) AS "INDEX", ` +
    `CAST(NULL AS JSON) AS "VALUE", CAST(${of.sql} AS JSON) AS "THIS" WHERE COALESCE(json_type(${of.sql}), 'NULL') NOT IN ${wanted} ` +
    `OR CAST(${of.sql} AS VARCHAR) IN ('[]', '{}')`
  const sql = flag('OUTER') ? `${elements} UNION ALL ${outer}` : elements
  return {
    from: `LATERAL (${sql})`,
    columns: [
      column('SEQ', number(18, 0)),
      column('KEY', TEXT),
      column('PATH', TEXT),
      column('INDEX', number(18, 0)),
      column('VALUE', VARIANT),
      column('THIS', VARIANT),
    ],
  }
}

function getPath(of: Expression, path: Expression): Expression {
  const plain = { named: [], star: false, distinct: false, withinGroup: [], ignoreNulls: false, over: undefined }
  return { type: 'call', name: 'GET_PATH', args: [of, path], ...plain, start: of.start, end: of.end }
}

function generator(binder: ExpressionBinder, call: Call): FunctionRelation {
  const rows = call.named.find(({ name }) => name === 'ROWCOUNT')
  if (rows === undefined || call.named.length !== 1)
    throw unknown(binder.statement, call, 'GENERATOR without ROWCOUNT alone')
  const count = binder.bind(rows.value)
  return { from: `range(CAST(${count.sql} AS BIGINT))`, columns: [] }
}

function split(binder: ExpressionBinder, call: Call): FunctionRelation {
  const [of, by] = call.args.map((one) => asText(binder.statement, binder.bind(one)).sql)
  if (of === undefined || by === undefined) throw unknown(binder.statement, call, call.name)
  const sql =
    `SELECT CAST(1 AS DECIMAL(18,0)) AS "SEQ", CAST(p.i AS DECIMAL(18,0)) AS "INDEX", p.v AS "VALUE" ` +
    `FROM (SELECT unnest(string_split(${of}, ${by})) AS v, generate_subscripts(string_split(${of}, ${by}), 1) AS i) AS p`
  return {
    from: `LATERAL (${sql})`,
    columns: [column('SEQ', number(18, 0)), column('INDEX', number(18, 0)), column('VALUE', TEXT)],
  }
}

function resultScan(binder: ExpressionBinder, call: Call): FunctionRelation {
  const id = argument(
    call.args.map((one) => binder.bind(one)),
    0,
  )
  // LAST_QUERY_ID() is written as a literal, too.
  const text = id.constant ?? /^'([^']*)'$/.exec(id.sql)?.[1]
  const found = text === undefined ? undefined : binder.statement.context.catalog.result(text)
  if (found === undefined)
    throw compilationError(binder.statement, call, '000709', '02000', `Statement ${text ?? ''} not found`)
  return found
}

function informationSchema(binder: ExpressionBinder, call: Call): FunctionRelation {
  const name = call.name.split('.').at(-1) ?? ''
  const positional = call.args.map((one) => ({ name: '', sql: binder.bind(one).sql }))
  const named = call.named.map((one) => ({ name: one.name, sql: binder.bind(one.value).sql }))
  const found = binder.statement.context.catalog.tableFunction(name, [...positional, ...named])
  if (found === undefined) throw doesNotExist('Function', call.name)
  binder.statement.reads.push(found)
  return found
}
