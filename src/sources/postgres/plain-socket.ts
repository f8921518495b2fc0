/**
 * The socket of an unencrypted connection. It reads into one buffer again and again, where Node would make one of 64 KiB
 * for every reading: of a snapshot's garbage the largest part, for which the collector ran twice as often (measured with
 * 3M rows of 180 bytes: 16% of the CPU, 25 MiB).
 */
import { Socket } from 'node:net'

/** 64 KiB and 256 KiB measured the same. */
const READ_BYTES = 128 * 1024

/** Copies that nobody needs any more: of a stream, garbage that outweighed everything else it holds. */
const spare: ArrayBufferLike[] = []
/** A listener reads ahead by a MiB, in chunks that may be of any size. */
const SPARE_MAX = 16
const copies = new WeakSet<ArrayBufferLike>()

/** Sockets whose listeners need the bytes only during the call. */
const lending = new WeakSet<Socket>()

/** Emits `data` as any socket does; it cannot be read in another way. */
export function createPlainSocket(): Socket {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  const socket: Socket = new Socket({
    onread: {
      buffer,
      callback(length) {
        const bytes = buffer.subarray(0, length)
        socket.emit('data', lending.has(socket) ? bytes : copyOf(bytes))
        return true
      },
    },
  })
  return socket
}

function copyOf(bytes: Buffer): Buffer {
  // Small ones are cheap, and many of them would hold a large buffer each.
  if (bytes.length < READ_BYTES / 8) return Buffer.from(bytes)
  const memory = spare.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES).buffer
  copies.add(memory)
  const copy = Buffer.from(memory, 0, bytes.length)
  copy.set(bytes)
  return copy
}

/** For the listener of `data`, which nobody else has the bytes from: they are used for what is received next. */
export function releaseBytes({ buffer }: Buffer): void {
  // Once only; bytes of other kinds of sockets are not ours.
  if (copies.delete(buffer) && spare.length < SPARE_MAX) spare.push(buffer)
}

/** Listeners of `data` get bytes that are valid until they return. For a socket of another kind it means nothing. */
export function lendBytes(socket: Socket): void {
  lending.add(socket)
}

/** Bytes belong to the listeners again. */
export function giveBytes(socket: Socket): void {
  lending.delete(socket)
}
