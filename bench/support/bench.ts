/** What a benchmark is: it gets options, and answers with one report. */

export interface BenchOptions {
  /** Rows of the table, where the benchmark has one table. Undefined: as the figure wants it. */
  readonly rows: number | undefined
  /** Row changes in the log. Undefined: as the figure wants it. */
  readonly changes: number | undefined
  readonly tables: number | undefined
  readonly seconds: number | undefined
  /** Connections that read a snapshot, in the limit and in the measured run. */
  readonly connections: number
  /** Pairs of a limit and a measured run. */
  readonly rounds: number | undefined
  /** Text of generated files. Undefined: what fits a few minutes. */
  readonly gigabytes?: number | undefined
  /** Folder for CPU profiles of the measured processes. */
  readonly profile: string | undefined
  /** For people, on standard error. */
  readonly say: (line: string) => void
}

export interface BenchReport {
  /** `measured / limit`, by medians. Of rates: 1 is the limit's speed. Of durations: 1 is the limit's duration. */
  readonly ratio: number
  readonly measured: number
  readonly limit: number
  readonly unit: string
  /** Highest resident set of the measured process, over all rounds. */
  readonly rssMiB: number
  readonly goal: string
  readonly met: boolean
  /** What the limit is, what the measured run is, and every single figure behind the medians. */
  readonly details: Readonly<Record<string, unknown>>
}

export interface Benchmark {
  readonly name: string
  readonly summary: string
  readonly run: (options: BenchOptions) => Promise<BenchReport>
}
