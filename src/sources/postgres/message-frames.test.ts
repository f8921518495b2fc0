import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MessageFrames } from './message-frames.ts'

interface Message {
  readonly type: number
  readonly body: Buffer
}

const messages = fc.array(
  fc.record({
    type: fc.integer({ min: 1, max: 255 }),
    body: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  }),
  { maxLength: 12 },
)

function wire(list: readonly Message[]): Buffer {
  return Buffer.concat(
    list.map(({ type, body }) => {
      const header = Buffer.alloc(5)
      header.writeUInt8(type, 0)
      header.writeUInt32BE(body.length + 4, 1)
      return Buffer.concat([header, body])
    }),
  )
}

function readAll(frames: MessageFrames): Message[] {
  const found: Message[] = []
  while (frames.next()) {
    found.push({ type: frames.type, body: Buffer.from(frames.buffer.subarray(frames.start, frames.end)) })
  }
  return found
}

/** The bytes cut at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  return sorted.slice(1).map((to, index) => bytes.subarray(sorted[index], to))
}

test('messages come out as they went in, however the bytes are cut into chunks', () => {
  fc.assert(
    fc.property(messages, fc.array(fc.nat(1_000), { maxLength: 30 }), fc.boolean(), (list, places, eager) => {
      const frames = new MessageFrames()
      const found: Message[] = []
      for (const chunk of cut(wire(list), places)) {
        frames.push(chunk)
        if (eager) found.push(...readAll(frames))
      }
      found.push(...readAll(frames))
      expect(found).toEqual(list)
      expect(frames.queuedBytes).toBe(0)
    }),
  )
})

test('every single byte can be a chunk of its own', () => {
  const list = [
    { type: 100, body: Buffer.from('abc') },
    { type: 90, body: Buffer.alloc(0) },
    { type: 68, body: Buffer.alloc(300, 7) },
  ]
  const frames = new MessageFrames()
  const found: Message[] = []
  for (const byte of wire(list)) {
    frames.push(Buffer.from([byte]))
    found.push(...readAll(frames))
  }
  expect(found).toEqual(list)
})

test('the bytes from a message on can be handed back whole', () => {
  fc.assert(
    fc.property(messages, fc.array(fc.nat(1_000), { maxLength: 8 }), fc.nat(11), (list, places, taken) => {
      fc.pre(taken < list.length)
      const frames = new MessageFrames()
      for (const chunk of cut(wire(list), places)) frames.push(chunk)
      for (let index = 0; index <= taken; index++) frames.next()
      expect(frames.takeRest()).toEqual(wire(list.slice(taken)))
      expect(frames.next()).toBe(false)
    }),
  )
})

test('an impossible length is an error, not an allocation', () => {
  for (const length of [0, 3, 0x7fff_ffff, 0xffff_ffff]) {
    const frames = new MessageFrames()
    const header = Buffer.alloc(5, 100)
    header.writeUInt32BE(length, 1)
    frames.push(header)
    expect(() => frames.next()).toThrow(expect.objectContaining({ code: 'source_protocol' }))
  }
})
