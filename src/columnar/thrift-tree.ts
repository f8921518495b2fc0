/**
 * Any struct of Thrift's compact protocol as a tree, so that what other programs wrote can be changed in a few places and
 * written again with everything else as it was.
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
import { invariant } from '../core/invariant.ts'

/** Numbers as they are; binary as bytes; structs by field id, or, to be written, their bytes. Sets are lists. */
export type ThriftValue = boolean | bigint | Uint8Array | ThriftList | ThriftStruct

export interface ThriftField {
  readonly type: number
  readonly value: ThriftValue
}

/** In the order in which the fields stand. */
export type ThriftStruct = Map<number, ThriftField>

export interface ThriftList {
  readonly itemType: number
  readonly items: readonly ThriftValue[]
}

const TRUE = 1
const FALSE = 2
const BYTE = 3
const I16 = 4
const I32 = 5
const I64 = 6
const DOUBLE = 7
const BINARY = 8
const LIST = 9
const SET = 10
const STRUCT = 12

export const THRIFT = { i32: I32, i64: I64, binary: BINARY, list: LIST, struct: STRUCT } as const

/** Throws a RangeError where `bytes` are no struct. */
export function readThrift(bytes: Uint8Array): ThriftStruct {
  return new ThriftReader(bytes).struct()
}

export function writeThrift(struct: ThriftStruct): Uint8Array {
  const out: Uint8Array[] = []
  writeStruct(out, struct)
  return Buffer.concat(out)
}

class ThriftReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  struct(): ThriftStruct {
    const struct: ThriftStruct = new Map()
    let id = 0
    for (let head = this.#byte(); head !== 0; head = this.#byte()) {
      const type = head & 0x0f
      const step = head >>> 4
      id = step === 0 ? Number(this.#zigzag()) : id + step
      struct.set(id, { type, value: this.#value(type, true) })
    }
    return struct
  }

  /** A boolean field stands in its type, an item of a list in a byte. */
  #value(type: number, isField: boolean): ThriftValue {
    switch (type) {
      case TRUE:
      case FALSE:
        return isField ? type === TRUE : this.#byte() === TRUE
      case BYTE:
        return BigInt(this.#byte())
      case I16:
      case I32:
      case I64:
        return this.#zigzag()
      case DOUBLE:
        return this.#take(8)
      case BINARY:
        return this.#take(Number(this.#varint()))
      case LIST:
      case SET:
        return this.#list()
      case STRUCT:
        return this.struct()
      default:
        throw new RangeError(`there is no Thrift type ${type}`)
    }
  }

  #list(): ThriftList {
    const head = this.#byte()
    const itemType = head & 0x0f
    const size = head >>> 4 === 15 ? Number(this.#varint()) : head >>> 4
    const items: ThriftValue[] = []
    for (let index = 0; index < size; index++) items.push(this.#value(itemType, false))
    return { itemType, items }
  }

  #zigzag(): bigint {
    const value = this.#varint()
    return (value & 1n) === 0n ? value >> 1n : -(value >> 1n) - 1n
  }

  #varint(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#byte()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw new RangeError('the struct ends in the middle')
    return byte
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new RangeError('the struct ends in the middle')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}

function writeStruct(out: Uint8Array[], struct: ThriftStruct): void {
  let last = 0
  for (const [id, { type, value }] of struct) {
    const actual = type === TRUE || type === FALSE ? (value === true ? TRUE : FALSE) : type
    const step = id - last
    if (step > 0 && step <= 15) out.push(Uint8Array.of((step << 4) | actual))
    else {
      out.push(Uint8Array.of(actual))
      writeZigzag(out, BigInt(id))
    }
    last = id
    if (typeof value !== 'boolean') writeValue(out, type, value)
  }
  out.push(Uint8Array.of(0))
}

function writeValue(out: Uint8Array[], type: number, value: ThriftValue): void {
  if (typeof value === 'boolean') out.push(Uint8Array.of(value ? TRUE : FALSE))
  else if (typeof value === 'bigint') {
    if (type === BYTE) out.push(Uint8Array.of(Number(value)))
    else writeZigzag(out, value)
  } else if (value instanceof Uint8Array) {
    if (type === BINARY) writeVarint(out, BigInt(value.length))
    out.push(value)
  } else if (value instanceof Map) writeStruct(out, value)
  else {
    const { itemType, items } = value
    if (items.length < 15) out.push(Uint8Array.of((items.length << 4) | itemType))
    else {
      out.push(Uint8Array.of(0xf0 | itemType))
      writeVarint(out, BigInt(items.length))
    }
    for (const item of items) writeValue(out, itemType, item)
  }
}

function writeZigzag(out: Uint8Array[], value: bigint): void {
  writeVarint(out, value < 0n ? -value * 2n - 1n : value * 2n)
}

function writeVarint(out: Uint8Array[], value: bigint): void {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  out.push(Uint8Array.from(bytes))
}

/** The number in a field that must be there. */
export function numberOf(struct: ThriftStruct, id: number): number {
  const value = struct.get(id)?.value
  invariant(typeof value === 'bigint', `a Thrift struct has the number ${id}`)
  return Number(value)
}

/** The structs of a list in a field; none where it is absent. */
export function structsOf(struct: ThriftStruct, id: number): readonly ThriftStruct[] {
  const value = struct.get(id)?.value
  if (value === undefined) return []
  invariant(typeof value === 'object' && 'items' in value, `a Thrift struct has the list ${id}`)
  return value.items.map((item) => {
    invariant(item instanceof Map, 'a list of structs has structs')
    return item
  })
}
