/**
 * The part of Thrift's compact protocol that Parquet metadata is written with.
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
import { TextWriter } from './text-writer.ts'

const TYPE_TRUE = 1
const TYPE_FALSE = 2
const TYPE_BYTE = 3
const TYPE_I32 = 5
const TYPE_I64 = 6
const TYPE_BINARY = 8
const TYPE_LIST = 9
const TYPE_STRUCT = 12

/** Fields of a struct must be written in rising order of their ids. */
export class ThriftWriter {
  readonly #out = new TextWriter()
  #lastField = 0

  /** Bytes of a whole struct whose fields `write` writes. */
  static struct(write: (writer: ThriftWriter) => void): Uint8Array {
    const writer = new ThriftWriter()
    write(writer)
    writer.#out.byte(0)
    return writer.#out.content.bytes.slice(0, writer.#out.length)
  }

  bool(field: number, value: boolean): void {
    this.#field(field, value ? TYPE_TRUE : TYPE_FALSE)
  }

  byte(field: number, value: number): void {
    this.#field(field, TYPE_BYTE)
    this.#out.byte(value)
  }

  i32(field: number, value: number): void {
    this.#field(field, TYPE_I32)
    this.#zigzag(value)
  }

  /** Within ±2^52. */
  i64(field: number, value: number): void {
    this.#field(field, TYPE_I64)
    this.#zigzag(value)
  }

  string(field: number, value: string): void {
    this.#field(field, TYPE_BINARY)
    this.#binary(value)
  }

  struct(field: number, write: (writer: ThriftWriter) => void): void {
    this.#field(field, TYPE_STRUCT)
    this.#struct(() => write(this))
  }

  i32List(field: number, values: readonly number[]): void {
    this.#list(field, TYPE_I32, values.length)
    for (const value of values) this.#zigzag(value)
  }

  stringList(field: number, values: readonly string[]): void {
    this.#list(field, TYPE_BINARY, values.length)
    for (const value of values) this.#binary(value)
  }

  structList<Item>(field: number, items: readonly Item[], write: (writer: ThriftWriter, item: Item) => void): void {
    this.#list(field, TYPE_STRUCT, items.length)
    for (const item of items) this.#struct(() => write(this, item))
  }

  #struct(write: () => void): void {
    const outer = this.#lastField
    this.#lastField = 0
    write()
    this.#out.byte(0)
    this.#lastField = outer
  }

  #field(id: number, type: number): void {
    const step = id - this.#lastField
    this.#lastField = id
    if (step > 0 && step <= 15) this.#out.byte((step << 4) | type)
    else {
      this.#out.byte(type)
      this.#zigzag(id)
    }
  }

  #list(field: number, type: number, size: number): void {
    this.#field(field, TYPE_LIST)
    if (size < 15) this.#out.byte((size << 4) | type)
    else {
      this.#out.byte(0xf0 | type)
      this.#varint(size)
    }
  }

  #binary(value: string): void {
    this.#varint(Buffer.byteLength(value))
    this.#out.utf8(value)
  }

  #zigzag(value: number): void {
    this.#varint(value < 0 ? -value * 2 - 1 : value * 2)
  }

  #varint(value: number): void {
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.#out.byte((rest % 128) | 0x80)
    this.#out.byte(rest)
  }
}
