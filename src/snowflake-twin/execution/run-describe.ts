/** DESCRIBE. */
import type { StatementResult } from '../protocol/query-reply.ts'
import { unsupported } from '../refusals.ts'
import type { DescribePlan } from '../sql/plan.ts'
import type { StatementContext } from './statement-context.ts'

export function runDescribe(_context: StatementContext, plan: DescribePlan): StatementResult {
  throw unsupported(`DESCRIBE ${plan.what}`)
}
