import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createPlainSocket, giveBytes, lendBytes, releaseBytes } from './plain-socket.ts'

const open: Socket[] = []

afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy()
})

/** Both ends of a connection. */
async function connected(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = createPlainSocket()
  const accepted = once(server, 'connection')
  near.connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [far] = (await accepted) as [Socket]
  server.close()
  open.push(near, far)
  return { near, far }
}

async function receive(near: Socket, far: Socket, text: string): Promise<Buffer> {
  const arrived = once(near, 'data')
  far.write(text)
  const [bytes] = (await arrived) as [Buffer]
  return bytes
}

test('bytes that may be kept stay as they are when more arrive', async () => {
  const { near, far } = await connected()
  const first = await receive(near, far, 'first')
  const second = await receive(near, far, 'later')
  expect([String(first), String(second)]).toEqual(['first', 'later'])
})

test('lent bytes come in the same memory each time, and no longer once they are given again', async () => {
  const { near, far } = await connected()
  lendBytes(near)
  const first = await receive(near, far, 'first')
  const second = await receive(near, far, 'later')
  expect([String(first), String(second)]).toEqual(['later', 'later'])
  giveBytes(near)
  const third = await receive(near, far, 'third')
  await receive(near, far, 'again')
  expect(String(third)).toBe('third')
})

test('while a socket that lends rests, it can be paused', async () => {
  const { near, far } = await connected()
  lendBytes(near)
  await receive(near, far, 'first')
  near.pause()
  const seen: string[] = []
  near.on('data', (bytes: Buffer) => seen.push(String(bytes)))
  await new Promise((resolve) => far.write('later', resolve))
  // Longer than the rest, which began before.
  await new Promise((resolve) => setTimeout(resolve, 3))
  await new Promise((resolve) => setImmediate(resolve))
  expect(seen).toEqual([])
  near.resume()
  await expect.poll(() => seen, { interval: 1 }).toEqual(['later'])
})

test('a listener that lets go of a socket gets what follows at once', async () => {
  const { near, far } = await connected()
  lendBytes(near)
  near.once('data', () => giveBytes(near))
  const [first] = await Promise.all([receive(near, far, 'first')])
  const second = await receive(near, far, 'later')
  expect([first.length, String(second)]).toEqual([5, 'later'])
})

test('the memory of bytes that were released holds later ones, and that of others does not', async () => {
  const { near, far } = await connected()
  const receiveLarge = async (letter: string): Promise<Buffer[]> => {
    const chunks: Buffer[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    near.on('data', (bytes: Buffer) => {
      chunks.push(bytes)
      if (chunks.reduce((sum, each) => sum + each.length, 0) === 100_000) resolve()
    })
    far.write(letter.repeat(100_000))
    await promise
    near.removeAllListeners('data')
    return chunks
  }
  const first = await receiveLarge('a')
  const second = await receiveLarge('b')
  // Twice is not more than once.
  for (const chunk of [...second, ...second]) releaseBytes(chunk)
  const later = [...(await receiveLarge('c')), ...(await receiveLarge('d'))]
  const released = new Set(second.map((chunk) => chunk.buffer))
  expect(later.filter((chunk) => released.has(chunk.buffer)).length).toBeGreaterThan(0)
  // Small ones may share memory, which is never released.
  const large = [...first, ...later].filter((chunk) => chunk.length >= 16 * 1024)
  expect(new Set(large.map((chunk) => chunk.buffer)).size).toBe(large.length)
  expect(Buffer.concat(first).toString()).toBe('a'.repeat(100_000))
  expect(Buffer.concat(later).toString()).toBe('c'.repeat(100_000) + 'd'.repeat(100_000))
})

test('a paused socket reads nothing until it is resumed, and tells its end', async () => {
  const { near, far } = await connected()
  const seen: string[] = []
  near.on('data', (bytes: Buffer) => seen.push(String(bytes)))
  near.pause()
  far.write('held')
  await new Promise<void>((resolve) => far.end(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  expect(seen).toEqual([])
  const closed = once(near, 'close')
  near.resume()
  await closed
  expect(seen).toEqual(['held'])
})
