import type { TableComparison } from '../../core/destination.ts'
import type { Sides } from './comparison.ts'
import type { Session } from './session.ts'

/** Share of NULLs per column, where it is not the same on both sides. */
export async function nullShares(session: Session, sides: Sides): Promise<TableComparison['nullShares']> {
  const { compared } = sides
  const counts = compared.map(({ index }) => `count(*) - count(v${index}) AS n${index}`)
  const count = (side: string) => session.row(`SELECT count(*) AS n, ${counts.join(', ')} FROM ${side}`)
  const [source, destination] = [await count(sides.source), await count(sides.destination)]
  return compared.flatMap(({ index, column }) => {
    const share = (row: typeof source) => (Number(row.n) === 0 ? 0 : Number(row[`n${index}`]) / Number(row.n))
    const [there, here] = [share(source), share(destination)]
    return there === here ? [] : [{ column: column.name, source: there, destination: here }]
  })
}
