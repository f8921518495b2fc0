/** The port of the local Snowflake: what `simplyload snowflake local` runs and hears. `src/snowflake-twin/` is the server. */

export interface LocalSnowflakeRequest {
  /** 0: any that is free. */
  readonly port: number
  /** A folder that keeps databases and stages; undefined: gone when it ends. */
  readonly path: string | undefined
  /** Aborting ends the server. */
  readonly signal: AbortSignal
}

/** What a `destination` of type `snowflake` needs to reach it. */
export interface LocalSnowflakeReady {
  readonly account: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly role: string
  readonly warehouse: string
  readonly database: string
}

/** Resolves when it has ended. `onReady` is called once it takes connections. */
export type RunLocalSnowflake = (
  request: LocalSnowflakeRequest,
  onReady: (ready: LocalSnowflakeReady) => void,
) => Promise<void>
