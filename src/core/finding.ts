/** One line of `doctor`. */
export interface Finding {
  /** What was examined: `wal_level`, `replication privilege`, `public.orders: select`. */
  readonly subject: string
  /** `note`: works, but worth knowing. */
  readonly level: 'ok' | 'note' | 'warning' | 'error'
  readonly message: string
  /** SQL or command that mends it, verbatim. */
  readonly fix?: string
}
