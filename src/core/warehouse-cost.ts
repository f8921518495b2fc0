/** What a destination that is paid for by use was made with, and costs: the words of `snowflake setup` and `cost`. */

export interface SetupCommand {
  /** Run the statements, as the administrator given; else they are only returned. */
  readonly apply: SetupAdministrator | undefined
  /** Of the AWS role through which an external stage is read. */
  readonly awsRoleArn: string | undefined
}

export interface SetupAdministrator {
  readonly user: string
  readonly role: string
  readonly privateKeyPath: string | undefined
  /** Secrets: from the environment. */
  readonly privateKeyPassphrase: string | undefined
  readonly token: string | undefined
  readonly password: string | undefined
}

export interface SetupStep {
  readonly why: string
  readonly sql: string
  /** `template`: something is to be filled in by hand first, so it was not run. */
  readonly outcome: 'printed' | 'applied' | 'template'
}

export interface CostCommand {
  /** Up to now. */
  readonly days: number
}

export interface CostReport {
  readonly days: number
  /** What a credit costs. */
  readonly creditPrice: number
  /** Of statements of ours while they ran, dearest first; rows are those that were loaded. */
  readonly tables: readonly {
    /** `source.namespace.name`, or `source` for what is of no single table. */
    readonly table: string
    readonly credits: number
    readonly statements: number
    readonly rows: number
  }[]
  readonly perDay: readonly {
    readonly day: string
    readonly credits: number
    readonly creditsOfOthers: number
    readonly creditsMetered: number
    readonly creditsCloudServices: number
  }[]
  readonly pipeCredits: number
  /** UTC; what happened after them is not in the figures yet. Undefined: nothing is known so far. */
  readonly attributedUntil: string | undefined
  readonly meteredUntil: string | undefined
  /** How late the server may be with what it tells. */
  readonly latencyHours: number
}

export interface EstimateCommand {
  /** In place of what runs so far have shown, for each table. */
  readonly changesPerDay: number | undefined
}

/** What a model of the cost has to know of a table. */
export interface TableVolume {
  /** `source.namespace.name` */
  readonly table: string
  readonly freshnessMs: number
  readonly changesPerDay: number
  /** Of one change, compressed. */
  readonly bytesPerChange: number
  /** Of the final table, compressed. */
  readonly tableBytes: number
}

export interface TableEstimate {
  readonly table: string
  readonly mergesPerDay: number
  readonly busySecondsPerDay: number
  /** Its share of what is billed, by busy time. */
  readonly creditsPerDay: number
}

export interface DayTotals {
  readonly wakeUps: number
  readonly busySeconds: number
  readonly billedSeconds: number
  readonly credits: number
  /** Of what is billed: time in which nothing ran. */
  readonly idleShare: number
}

export interface DayEstimate extends DayTotals {
  /** In the order in which they were given. */
  readonly tables: readonly TableEstimate[]
}

export interface EstimateReport {
  readonly creditPrice: number
  readonly configured: DayTotals
  readonly tables: readonly {
    readonly table: string
    readonly freshnessMs: number
    readonly changesPerDay: number
    /** False: taken from the command, or nothing is known. */
    readonly isMeasured: boolean
    readonly mergesPerDay: number
    readonly creditsPerDay: number
  }[]
  /** What a day would cost were all tables this old at most. */
  readonly freshness: readonly (DayTotals & { readonly freshnessMs: number })[]
}
