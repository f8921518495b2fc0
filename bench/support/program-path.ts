/** Programs of a PostgreSQL client package, which benchmarks hold the product against. */
import { access, constants, glob } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** Where distributions put versions of PostgreSQL beside each other. */
const FOLDERS = [
  '/usr/lib/postgresql/*/bin',
  '/usr/pgsql-*/bin',
  '/usr/local/pgsql/bin',
  '/opt/homebrew/opt/{libpq,postgresql@*}/bin',
  '/usr/local/opt/{libpq,postgresql@*}/bin',
]

/** The newest in the usual folders, else from PATH. */
export async function findProgram(name: string): Promise<string | undefined> {
  const named = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  const usual: string[] = []
  for (const pattern of FOLDERS) usual.push(...(await Array.fromAsync(glob(pattern))))
  // Distributions put a launcher into PATH that looks at the clusters of the machine first; the real one is faster to start.
  const newestFirst = usual.toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }))
  for (const folder of [...newestFirst, ...named]) {
    const path = join(folder, name)
    if (await isExecutable(path)) return path
  }
  return undefined
}

export async function requireProgram(name: string): Promise<string> {
  const path = await findProgram(name)
  if (path !== undefined) return path
  throw new Error(
    `${name} was not found in PATH or ${FOLDERS.join(', ')}. It is the limit of this benchmark; install PostgreSQL's ` +
      'client programs (Debian: apt install postgresql-client and postgresql, macOS: brew install postgresql@18)',
  )
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
