/** Tuples of COPY binary and pgoutput, put together byte by byte. */

/** An int16 count, then each field with its int32 length. */
export function copyTuple(fields: readonly (Buffer | string | null)[]): Buffer {
  return Buffer.concat([int16(fields.length), ...fields.flatMap((field) => lengthAndBytes(field))])
}

/** pgoutput TupleData: buffers are binary values, strings text ones. */
export function tupleData(fields: readonly (Buffer | string | null | typeof UNCHANGED)[]): Buffer {
  return Buffer.concat([
    int16(fields.length),
    ...fields.flatMap((field) => {
      if (field === null) return [Buffer.from('n')]
      if (field === UNCHANGED) return [Buffer.from('u')]
      return [Buffer.from(typeof field === 'string' ? 't' : 'b'), ...lengthAndBytes(field as Buffer | string)]
    }),
  ])
}

export const UNCHANGED = Symbol('unchanged')

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes
}

function lengthAndBytes(field: Buffer | string | null): Buffer[] {
  if (field === null) return [int32(-1)]
  const bytes = Buffer.from(field)
  return [int32(bytes.length), bytes]
}
