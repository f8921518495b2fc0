import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { vectorValues } from '../../test/support/vector-values.ts'
import { VectorBuilder } from './vector-builder.ts'
import { giveMemory, releaseVectors, returnMemory, takeMemory } from './vector-memory.ts'
import { WireBuffer } from './wire-buffer.ts'

const KIB = 1024

test('memory that was given back is used again, where it is large enough and not much larger', () => {
  const first = takeMemory(300 * KIB)
  expect(first.length).toBeGreaterThanOrEqual(300 * KIB)
  expect(first.length).toBeLessThanOrEqual(375 * KIB)
  giveMemory(first.buffer)
  expect(takeMemory(301 * KIB).buffer).toBe(first.buffer)
  expect(takeMemory(300 * KIB).buffer).not.toBe(first.buffer)
})

test('memory that is returned is collected', async () => {
  setFlagsFromString('--expose-gc')
  const leave = (bytes: number) => {
    const { buffer } = takeMemory(bytes)
    giveMemory(buffer)
    return new WeakRef(buffer)
  }
  const left = [leave(5 * KIB * KIB), leave(6 * KIB * KIB)]
  // Until a turn is over, what it asked a weak reference for is kept.
  await nextTurn()
  returnMemory()
  expect(left.map((each) => each.deref())).toEqual([undefined, undefined])
})

test('any size fits', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 * KIB * KIB }), (bytes) => {
      const memory = takeMemory(bytes)
      giveMemory(memory.buffer)
      expect(memory.length).toBeGreaterThanOrEqual(bytes)
    }),
  )
})

test('rows in memory that held others before are none the worse for it', () => {
  const build = (text: string) => {
    const builder = new VectorBuilder('c1', { kind: 'text' }, 1)
    const source = new WireBuffer(Buffer.from(text))
    for (let row = 0; row < 20_000; row++) if (row % 3 !== 0) builder.appendBytes(row, source, 0, text.length)
    return builder.take(20_000)
  }
  const first = build('the first of them')
  releaseVectors([first])
  const second = build('second')
  expect(vectorValues(second)).toEqual(Array.from({ length: 20_000 }, (_, row) => (row % 3 === 0 ? null : 'second')))
})
