/** The port of the demonstration: what `simplyload demo` runs and hears. `src/demo/` tells the story. */

export interface DemoRequest {
  /** Where the configuration and `warehouse.duckdb` are written. */
  readonly folder: string
  /** Aborting ends the story early and stops what it started. */
  readonly signal: AbortSignal
}

export type DemoEvent =
  /** Something is begun; `done` follows. */
  | { readonly event: 'begin'; readonly step: string; readonly message: string }
  | { readonly event: 'done'; readonly step: string; readonly message: string; readonly durationMs: number }
  /** A change that was committed at the source and is visible at the destination. */
  | {
      readonly event: 'arrival'
      readonly change: string
      /** What was run at the source. */
      readonly sql: string
      readonly rows: number
      /** From the commit at the source until it was visible at the destination. */
      readonly latencyMs: number
      /** What a query on the destination says now, in words. */
      readonly seen: string
    }

export interface DemoReport {
  readonly verified: boolean
  readonly rowsSnapshot: number
  readonly changes: number
  readonly latencyMsMedian: number
  readonly latencyMsMax: number
  /** Rows that the verification compared. */
  readonly rowsCompared: number
  readonly warehouse: string
  readonly configFile: string
  readonly durationMs: number
}

export type RunDemo = (request: DemoRequest, listener: (event: DemoEvent) => void) => Promise<DemoReport>
