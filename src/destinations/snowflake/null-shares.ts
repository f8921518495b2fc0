import type { TableComparison } from '../../core/destination.ts'
import type { Sides } from './comparison-sides.ts'
import type { SnowflakeSession } from './session.ts'

/** Share of NULLs per column, where it is not the same on both sides. */
export async function nullShares(session: SnowflakeSession, sides: Sides): Promise<TableComparison['nullShares']> {
  const { compared } = sides
  const counts = ['COUNT(*) AS n', ...compared.map(({ index }) => `COUNT(*) - COUNT(v${index}) AS n${index}`)].join(
    ', ',
  )
  const source = await session.row(`SELECT ${counts} FROM ${sides.source}`)
  const destination = await session.row(`SELECT ${counts} FROM ${sides.destination}`)
  return compared.flatMap(({ index, column }) => {
    const share = (row: typeof source) => (Number(row.N) === 0 ? 0 : Number(row[`N${index}`]) / Number(row.N))
    const [there, here] = [share(source), share(destination)]
    return there === here ? [] : [{ column: column.name, source: there, destination: here }]
  })
}
