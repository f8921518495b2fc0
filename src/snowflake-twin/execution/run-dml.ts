/** INSERT, UPDATE, DELETE, MERGE, TRUNCATE. */
import { requireOnTable, requireRead } from '../catalog/access-control.ts'
import type { TableObject } from '../catalog/catalog-objects.ts'
import { fullName } from '../catalog/catalog-objects.ts'
import { rowBytes } from '../catalog/table-sizes.ts'
import { TWIN_SCHEMA } from '../catalog/twin-catalog.ts'
import { STATEMENT_TYPE, type StatementResult } from '../protocol/query-reply.ts'
import { unsupported } from '../refusals.ts'
import type { CountName, DmlPlan, TruncatePlan } from '../sql/plan.ts'
import type { ObjectName } from '../sql/session-context.ts'
import { bytesOf, rowsResult, statusResult } from './run-query.ts'
import { inTransaction, type StatementContext } from './statement-context.ts'
import { accountStatement, requireWarehouse } from './warehouse-use.ts'

const TITLES: Readonly<Record<CountName, string>> = {
  inserted: 'number of rows inserted',
  updated: 'number of rows updated',
  deleted: 'number of rows deleted',
  multi_joined: 'number of multi-joined rows updated',
}

export async function runDml(context: StatementContext, plan: DmlPlan): Promise<StatementResult> {
  const { session, record } = context
  record.type = plan.verb.toUpperCase()
  const target = targetOf(context, plan.target.name)
  for (const privilege of privilegesOf(plan)) requireOnTable(context, privilege, target)
  const others = await requireRead(
    context,
    plan.reads.filter(({ name }) => name === undefined || fullName(name) !== fullName(target.name)),
  )
  const warehouse = requireWarehouse(context)
  const readsTarget = plan.locks || plan.reads.length > others.length
  const reads = [...others.map(({ id }) => id), ...(readsTarget ? [target.id] : [])]
  const counts = new Map<CountName, number>()
  const bytesScanned = bytesOf(context, others) + (plan.locks ? bytesOf(context, [target]) : 0)
  const lock = { table: { id: target.id, name: target.name.name }, mode: plan.locks ? 'modify' : 'append' } as const
  await inTransaction(context, [lock], { reads, writes: [target.id] }, async () => {
    await context.system.materialize(session.connection)
    try {
      await session.transaction.change({ reads, writes: [target.id] }, async (run) => {
        for (const step of plan.steps) {
          if (step.refuse !== undefined) {
            const reader = await session.connection.runAndReadAll(step.sql)
            if (reader.getRows().length > 0) throw step.refuse
            continue
          }
          const changed = await run(step.sql)
          if (step.counts !== undefined) counts.set(step.counts, (counts.get(step.counts) ?? 0) + changed)
        }
        // Part of what is played again, so that the next statement finds the names free.
        for (const sql of plan.cleanup) await run(sql)
      })
    } catch (error) {
      for (const sql of plan.cleanup) await session.connection.run(sql).catch(() => undefined)
      throw error
    }
    session.transaction.count({
      table: target.id,
      rows: (counts.get('inserted') ?? 0) - (counts.get('deleted') ?? 0),
      bytes: (counts.get('inserted') ?? 0) * rowBytes(target),
    })
  })
  record.rowsInserted = counts.get('inserted') ?? 0
  record.rowsUpdated = counts.get('updated') ?? 0
  record.rowsDeleted = counts.get('deleted') ?? 0
  const changed = record.rowsInserted + record.rowsUpdated + record.rowsDeleted
  record.rowsProduced = changed
  accountStatement(context, warehouse, { bytesScanned, bytesWritten: changed * rowBytes(target), files: 0 })
  return rowsResult(
    STATEMENT_TYPE[plan.verb],
    plan.counts.map((count) => ({ name: TITLES[count], type: { kind: 'NUMBER', precision: 19, scale: 0 } as const })),
    [plan.counts.map((count) => String(counts.get(count) ?? 0))],
  )
}

/** It takes part in transactions, and forgets which files were loaded. */
export async function runTruncate(context: StatementContext, plan: TruncatePlan): Promise<StatementResult> {
  const { session, record } = context
  record.type = 'TRUNCATE_TABLE'
  const table = plan.ifExists ? context.catalog.table(plan.object) : context.catalog.requireTable(plan.object)
  if (table === undefined) return statusResult(STATEMENT_TYPE.dml, 'Statement executed successfully.')
  requireOnTable(context, 'TRUNCATE', table)
  const touched = { reads: [table.id], writes: [table.id] }
  const lock = { table: { id: table.id, name: table.name.name }, mode: 'define' } as const
  await inTransaction(context, [lock], touched, async () => {
    const rows = await session.transaction.change(touched, async (run) => {
      const deleted = await run(`DELETE FROM ${table.from}`)
      await run(`DELETE FROM ${TWIN_SCHEMA}.loads WHERE table_id = ${table.id}`)
      return deleted
    })
    session.transaction.count({ table: table.id, rows: -rows, bytes: 0 })
  })
  return statusResult(STATEMENT_TYPE.ddl, 'Statement executed successfully.')
}

function targetOf(context: StatementContext, name: ObjectName | undefined): TableObject {
  if (name === undefined) throw unsupported('changing what is no table')
  return context.catalog.requireTable(name)
}

function privilegesOf(plan: DmlPlan): readonly string[] {
  switch (plan.verb) {
    case 'insert':
      return plan.locks ? ['INSERT', 'DELETE'] : ['INSERT']
    case 'update':
      return ['UPDATE']
    case 'delete':
      return ['DELETE']
    case 'merge':
      return plan.counts.map((count) => (count === 'inserted' ? 'INSERT' : count === 'deleted' ? 'DELETE' : 'UPDATE'))
  }
}
