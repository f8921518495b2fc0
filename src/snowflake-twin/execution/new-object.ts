/** What every CREATE does: is the place there, is the name free, whose is the new object, who may use it from the start. */
import { type AnyObject, fullName, type GrantObject, type PlainOptions, shownName } from '../catalog/catalog-objects.ts'
import { type CatalogDraft, nameOf } from '../catalog/twin-catalog.ts'
import { STATEMENT_TYPE, type StatementResult } from '../protocol/query-reply.ts'
import { alreadyExists, notFound } from '../refusals.ts'
import type { ObjectName } from '../sql/session-context.ts'
import { statusResult } from './run-query.ts'
import type { StatementContext } from './statement-context.ts'

export interface ObjectHead {
  readonly id: number
  readonly comment: string
  readonly createdMs: number
  readonly owner: string
}

export function headOf(
  { state, session }: StatementContext,
  draft: Pick<CatalogDraft, 'nextId'>,
  comment: string | undefined,
): ObjectHead {
  return {
    id: draft.nextId(),
    comment: comment ?? '',
    createdMs: state.clock.nowMs(),
    owner: session.place.role,
  }
}

/** Into the catalog, with the grants that waited for it (GRANT … ON FUTURE …). */
export function putNew(context: StatementContext, draft: CatalogDraft, object: AnyObject): void {
  draft.put(object)
  const name = nameOf(object)
  const on = object.kind.toUpperCase()
  const containers = [name.slice(0, 1), name.slice(0, 2)].map((parts) => parts.map(shownName).join('.'))
  for (const grant of context.state.catalog.grants()) {
    if (!grant.isFuture || grant.on !== on || !containers.includes(grant.name)) continue
    const own: GrantObject = {
      ...grant,
      ...headOf(context, draft, undefined),
      name: name.map(shownName).join('.'),
      isFuture: false,
    }
    draft.put(own)
  }
}

export function requireSchema(context: StatementContext, { database, schema }: ObjectName): void {
  if (!context.catalog.database(database)) throw notFound('Database', database)
  if (!context.catalog.schema(database, schema)) throw notFound('Schema', `${database}.${schema}`)
}

/** The answer where IF NOT EXISTS finds it; throws where nothing allows to replace it. */
export function existing(
  plan: { readonly ifNotExists: boolean; readonly orReplace: boolean },
  before: AnyObject | undefined,
): StatementResult | undefined {
  if (before === undefined) return undefined
  const name = typeof before.name === 'string' ? before.name : before.name.name
  if (plan.ifNotExists) return statusResult(STATEMENT_TYPE.ddl, `${name} already exists, statement succeeded.`)
  if (plan.orReplace) return undefined
  throw alreadyExists(typeof before.name === 'string' ? name : fullName(before.name))
}

export function created(title: string, name: string): StatementResult {
  return statusResult(STATEMENT_TYPE.ddl, `${title} ${name} successfully created.`)
}

export function withoutOptions(options: PlainOptions, names: readonly string[]): PlainOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)))
}
