/** A DuckDB file, looked into or changed with other means than the product. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'

/** One for all files of this process: opening a file in it takes 1 ms, an instance of its own 10. */
let looking: Promise<DuckDBInstance> | undefined
let looks = 0

/** Holds the file, which is the default database, until `use` is done. */
export async function inDuckDbFile<T>(
  path: string,
  access: 'READ_ONLY' | 'READ_WRITE',
  use: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  looking ??= DuckDBInstance.create(':memory:')
  const instance = await looking
  const keeper = await instance.connect()
  const name = `look_${++looks}`
  try {
    await keeper.run(`ATTACH '${path.replaceAll("'", "''")}' AS ${name} (${access})`)
    const connection = await instance.connect()
    try {
      await connection.run(`USE ${name}`)
      return await use(connection)
    } finally {
      connection.closeSync()
      await keeper.run(`DETACH ${name}`)
    }
  } finally {
    keeper.closeSync()
  }
}
