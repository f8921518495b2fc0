import { once } from 'node:events'
import { type AddressInfo, connect as connectTo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../../../test/support/postgres.ts'
import { connect } from './client.ts'
import { connectionSettings } from './connection-settings.ts'

test('a server that has just refused TLS is not asked for it with each connection', async () => {
  await using database = await createTestDatabase()
  const url = new URL(database.url)
  const { hostname, port } = url
  let connections = 0
  const between = createServer((near) => {
    connections++
    const far = connectTo(Number(port), hostname)
    near.pipe(far).pipe(near)
    for (const socket of [near, far]) socket.on('error', () => undefined)
  })
  between.listen(0, '127.0.0.1')
  await once(between, 'listening')
  url.port = String((between.address() as AddressInfo).port)
  const settings = connectionSettings({ url: url.href, ssl: 'prefer' })
  for (const expected of [2, 3, 4]) {
    await using _ = await connect({ ...settings }, {}, new AbortController().signal)
    expect(connections).toBe(expected)
  }
  between.close()
})
