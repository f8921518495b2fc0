/** Where a test's sync keeps its operational state. */
export const STATE_KINDS = ['sqlite', 'file', 'postgres'] as const
export type StateKind = (typeof STATE_KINDS)[number]

/** As `simplyload.yaml` has it. `url`: of the database in which PostgreSQL keeps it, in a schema of its own. */
export function stateConfig(kind: StateKind, url: string): Readonly<Record<string, unknown>> {
  switch (kind) {
    case 'sqlite':
      return { type: 'sqlite', path: 'state.db' }
    case 'file':
      return { type: 'file', path: 'state' }
    case 'postgres':
      return { type: 'postgres', url, schema: 'sync_state' }
  }
}
