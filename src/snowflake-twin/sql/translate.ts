/** The translator's front door: one Snowflake statement in, one {@link Plan} out. */
import type { Statement } from './binding.ts'
import { timestampMapping } from './binding.ts'
import { bindCopy } from './copy-binder.ts'
import { bindAlter, bindCreate, nameAfter, queryPlan, resolvedName } from './ddl-binder.ts'
import { bindDelete, bindInsert, bindUpdate } from './dml-binder.ts'
import { ExpressionBinder } from './expression-binder.ts'
import { bindMerge } from './merge-binder.ts'
import { fileFormat, objectName, schemaName, stageLocation } from './object-name.ts'
import type { Plan } from './plan.ts'
import { bindQuery } from './query-binder.ts'
import { Scope } from './scope.ts'
import type { SessionContext, StageRows } from './session-context.ts'
import { parseStatement } from './statement-parser.ts'
import type { Statement as Tree } from './statement-tree.ts'
import type { TableReference } from './syntax-tree.ts'
import { exactSql } from './value.ts'

/** Asynchronous only where the statement reads a stage. Throws SnowflakeError. */
export async function translate(sql: string, context: SessionContext): Promise<Plan> {
  const tree = parseStatement(sql, { timestamp: timestampMapping(context) })
  const stages = new Map<TableReference, StageRows>()
  if (tree.type !== 'copy') {
    for (const reference of stagesOf(tree)) {
      const rows = await context.catalog.stageRows({
        location: stageLocation(context, reference.location, 'SELECT'),
        files: undefined,
        pattern: reference.pattern,
        format: fileFormat(context, reference.format, 'SELECT'),
      })
      stages.set(reference, rows)
    }
  }
  return plan(tree, newStatement(sql, context, stages))
}

function newStatement(sql: string, context: SessionContext, stages: ReadonlyMap<TableReference, StageRows>): Statement {
  let names = 0
  const fresh = (prefix: string) => {
    names += 1
    return `${prefix}${names}`
  }
  return { sql, context, stages, reads: [], depth: 0, fresh }
}

type StageReference = TableReference & { readonly type: 'stage' }

/** Every stage that some FROM of the statement names. */
function stagesOf(node: unknown): readonly StageReference[] {
  if (Array.isArray(node)) return node.flatMap(stagesOf)
  if (typeof node !== 'object' || node === null || node instanceof Map) return []
  const found: StageReference[] = []
  const typed = node as { readonly type?: unknown; readonly location?: unknown; readonly format?: unknown }
  if (typed.type === 'stage' && typed.location !== undefined && typed.format !== undefined)
    found.push(node as StageReference)
  for (const child of Object.values(node)) found.push(...stagesOf(child))
  return found
}

function plan(tree: Tree, statement: Statement): Plan {
  const { context } = statement
  switch (tree.type) {
    case 'query':
      return queryPlan(statement, tree.query)
    case 'insert':
      return bindInsert(statement, tree)
    case 'update':
      return bindUpdate(statement, tree)
    case 'delete':
      return bindDelete(statement, tree)
    case 'merge':
      return bindMerge(statement, tree)
    case 'copy':
      return bindCopy(statement, tree, (rows) => {
        const body = tree.query?.body
        const reference = body?.type === 'select' ? body.from : undefined
        const stages = new Map(reference === undefined || rows === undefined ? [] : [[reference, rows]])
        return newStatement(statement.sql, context, stages)
      })
    case 'transaction':
      return { kind: 'transaction', action: tree.action }
    case 'use':
      return usePlan(statement, tree.what, tree.parts)
    case 'set_parameters':
      return { kind: 'set_parameters', set: tree.set, unset: tree.unset }
    case 'set_variables':
      return variablesPlan(statement, tree)
    case 'put':
    case 'get': {
      const { type, localPath, options } = tree
      return { kind: type, localPath, location: stageLocation(context, tree.location, type.toUpperCase()), options }
    }
    case 'list':
    case 'remove':
      return {
        kind: tree.type,
        location: stageLocation(context, tree.location, tree.type.toUpperCase()),
        pattern: tree.pattern,
      }
    case 'show': {
      const { objects, terse, history, like, startsWith, limit, limitFrom } = tree
      const scope = tree.scope && {
        what: tree.scope.what,
        name: nameAfter(statement, tree.scope.what, tree.scope.parts),
      }
      return { kind: 'show', objects, terse, history, like, scope, startsWith, limit, limitFrom }
    }
    case 'describe': {
      const last =
        tree.what === 'RESULT' && tree.parts[0] === 'LAST_QUERY_ID' ? (context.queryIds.at(-1) ?? '') : undefined
      return {
        kind: 'describe',
        what: tree.what,
        name: last === undefined ? nameAfter(statement, tree.what, tree.parts) : [last],
      }
    }
    case 'create':
      return bindCreate(statement, tree)
    case 'alter':
      return bindAlter(statement, tree)
    case 'drop': {
      const { undrop, what, ifExists, cascade, parts } = tree
      return { kind: 'drop', undrop, what, name: resolvedName(statement, what, parts), ifExists, cascade }
    }
    case 'truncate':
      return { kind: 'truncate', ifExists: tree.ifExists, object: objectName(context, tree.parts, 'TRUNCATE') }
    case 'grant': {
      const { revoke, privileges, role, to, grantOption } = tree
      const on = tree.on && {
        what: tree.on.what,
        name: nameAfter(statement, tree.on.what, tree.on.parts),
        all: tree.on.all,
      }
      return { kind: 'grant', revoke, privileges, on, role, to, grantOption }
    }
    case 'comment': {
      const { ifExists, what, comment, parts } = tree
      return { kind: 'comment', ifExists, what, name: nameAfter(statement, what, parts), comment }
    }
    case 'explain':
      return { kind: 'explain', plan: plan(tree.statement, statement) }
  }
}

function usePlan(statement: Statement, what: (Tree & { type: 'use' })['what'], parts: readonly string[]): Plan {
  const [first = '', second] = parts
  if (what === undefined) {
    // USE name is a database, USE a.b a schema.
    if (second === undefined) return { kind: 'use', what: 'database', name: first }
    return { kind: 'use', what: 'schema', name: second, database: first }
  }
  if (what !== 'schema') return { kind: 'use', what, name: parts.at(-1) ?? '' }
  const { database, schema } = schemaName(statement.context, parts, 'USE SCHEMA')
  return { kind: 'use', what, name: schema, database }
}

function variablesPlan(statement: Statement, tree: Tree & { type: 'set_variables' }): Plan {
  const nested = (query: Parameters<typeof bindQuery>[1], scope: Scope) => bindQuery(statement, query, scope)
  const binder = new ExpressionBinder(statement, new Scope(undefined), nested)
  const values = tree.values.map((expression) => binder.bind(expression))
  const list = values.map((value, index) => `CAST(${exactSql(value)} AS VARCHAR) AS v${index + 1}`)
  return {
    kind: 'set_variables',
    names: tree.names,
    sql: list.length === 0 ? 'SELECT 1' : `SELECT ${list.join(', ')}`,
    types: values.map((value) => value.type),
    unset: tree.unset,
  }
}
