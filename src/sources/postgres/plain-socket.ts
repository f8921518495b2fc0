/**
 * The socket of an unencrypted connection. It reads into one buffer again and again, where Node would make one of 64 KiB
 * for every reading: of a snapshot's garbage the largest part, for which the collector ran twice as often (measured with
 * 3M rows of 180 bytes: 16% of the CPU, 25 MiB).
 */
import { Socket } from 'node:net'

/** 64 KiB and 256 KiB measured the same. */
const READ_BYTES = 128 * 1024

/**
 * After a reading that took all there was, of bytes that are lent. A server sends rows in pieces of 8 KiB, and each piece wakes up
 * a reader that waits for it: 70,000 times for 3M rows, which costs the server as much as the reader. What comes meanwhile
 * gathers in the system's buffers (3M rows over one connection: 3.1 s in place of 3.5; 3 ms measured no faster).
 */
const REST_MS = 1

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
  const goOn = (): void => {
    if (!socket.isPaused() && !socket.destroyed) socket.resume()
  }
  const socket: Socket = new Socket({
    onread: {
      buffer,
      callback(length) {
        const bytes = buffer.subarray(0, length)
        socket.emit('data', lending.has(socket) ? bytes : copyOf(bytes))
        // Asked again, since the listener may have given the socket back.
        const rests = length < READ_BYTES && lending.has(socket)
        if (rests) setTimeout(goOn, REST_MS)
        return !rests
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

/**
 * Listeners of `data` get bytes that are valid until they return, many at a time rather than soon. For a socket of another kind
 * it means nothing.
 */
export function lendBytes(socket: Socket): void {
  lending.add(socket)
}

/** Bytes belong to the listeners again. */
export function giveBytes(socket: Socket): void {
  lending.delete(socket)
}
