/**
 * The socket of an unencrypted connection. It reads into one buffer again and again, where Node would make one of 64 KiB
 * for every reading: of a snapshot's garbage the largest part, for which the collector ran twice as often (measured with
 * 3M rows of 180 bytes: 16% of the CPU, 25 MiB).
 */
import { Socket } from 'node:net'

/** 64 KiB and 256 KiB measured the same. */
const READ_BYTES = 128 * 1024

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
        socket.emit('data', lending.has(socket) ? bytes : Buffer.from(bytes))
        return true
      },
    },
  })
  return socket
}

/** Listeners of `data` get bytes that are valid until they return. For a socket of another kind it means nothing. */
export function lendBytes(socket: Socket): void {
  lending.add(socket)
}

/** Bytes belong to the listeners again. */
export function giveBytes(socket: Socket): void {
  lending.delete(socket)
}
