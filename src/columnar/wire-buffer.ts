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
const SET_FROM_BYTES = 160

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
  if (length < 4) {
    for (let index = 0; index < length; index++) targetView.setUint8(to + index, sourceView.getUint8(from + index))
    return
  }
  // Whole words, the last one laid over the one before it where the length is no multiple of four.
  const last = length - 4
  for (let index = 0; index < last; index += 4) targetView.setInt32(to + index, sourceView.getInt32(from + index))
  targetView.setInt32(to + last, sourceView.getInt32(from + last))
}
