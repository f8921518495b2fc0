/** Views that every account has. */
import type { Session } from '../session.ts'
import type { ObjectName } from '../sql/session-context.ts'
import type { TwinState } from '../twin-state.ts'
import type { SystemView } from './system-relations.ts'

export function systemView(_state: TwinState, _session: Session, _name: ObjectName): SystemView | undefined {
  return undefined
}

export function systemFunction(
  _state: TwinState,
  _session: Session,
  _name: string,
  _argumentsSql: readonly { readonly name: string; readonly sql: string }[],
): SystemView | undefined {
  return undefined
}
