import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EmbeddedPostgres } from '../../src/demo/embedded-postgres.ts'
import { createTestDatabase, startServer } from '../support/postgres.ts'
import { createStreamFixture, readToEnd } from '../support/stream-reading.ts'
import { StreamReplica, sqlRows } from '../support/stream-replica.ts'

let folder: string
let server: EmbeddedPostgres

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stream-tls-'))
  const [key, certificate] = [join(folder, 'server.key'), join(folder, 'server.crt')]
  const options = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost']
  await promisify(execFile)('openssl', ['req', ...options, '-keyout', key, '-out', certificate])
  server = await startServer({
    settings: { ssl: 'on' },
    files: { 'server.key': await readFile(key, 'utf8'), 'server.crt': await readFile(certificate, 'utf8') },
  })
})
afterAll(async () => {
  await server?.stop()
  await rm(folder, { recursive: true })
})

test('a stream over TLS is whole', async () => {
  await using database = await createTestDatabase(server.url)
  await database.query('CREATE TABLE t (id int PRIMARY KEY, v text)')
  const fixture = await createStreamFixture(database, ['t'])
  await database.query('INSERT INTO t SELECT g, repeat(md5(g::text), 10) FROM generate_series(1, 20000) g')
  await using stream = await fixture.open({ batchRowsMax: 1000 })
  const [session] = await database.query<{ ssl: boolean }>(
    `SELECT s.ssl FROM pg_stat_ssl s JOIN pg_replication_slots r ON r.active_pid = s.pid WHERE r.slot_name = $1`,
    [fixture.slot],
  )
  expect(session).toEqual({ ssl: true })
  const replica = new StreamReplica()
  await readToEnd(database, stream, replica)
  expect(replica.rows('public.t')).toEqual(await sqlRows(database, 't'))
})
