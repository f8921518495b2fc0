/** SHOW. */
import type { StatementResult } from '../protocol/query-reply.ts'
import { unsupported } from '../refusals.ts'
import type { ShowPlan } from '../sql/plan.ts'
import type { StatementContext } from './statement-context.ts'

export function runShow(_context: StatementContext, plan: ShowPlan): StatementResult {
  throw unsupported(`SHOW ${plan.objects}`)
}
