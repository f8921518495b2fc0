/** Vitest's global set-up: one PostgreSQL server for all test files of a run. */
import type { TestProject } from 'vitest/node'
import { startPostgres } from '../../src/demo/embedded-postgres.ts'

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres()
  project.provide('postgresUrl', server.url)
  return () => server.stop()
}
