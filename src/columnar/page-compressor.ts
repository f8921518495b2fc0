/**
 * zstd in the thread pool, by contexts that are used again and again. `zlib.zstdCompress` makes a context and a zeroed
 * output buffer for every call, on the main thread: about 1 ms and 1 MiB of garbage for each page.
 */
import { once } from 'node:events'
import { constants, createZstdCompress, type ZstdCompress } from 'node:zlib'

const OUTPUT_BYTES = 1024 * 1024

const idle = new Map<number, ZstdContext[]>()

/** One zstd frame, in pieces. `bytes` must not change until it resolves. As many contexts are kept as ever ran at once. */
export async function compressPage(bytes: Uint8Array, level: number): Promise<readonly Uint8Array[]> {
  const spare = idle.get(level) ?? []
  idle.set(level, spare)
  const context = spare.pop() ?? new ZstdContext(level)
  // Not given back after an error: the context is broken.
  const frame = await context.compress(bytes)
  spare.push(context)
  return frame
}

class ZstdContext {
  readonly #stream: ZstdCompress
  #pieces: Uint8Array[] = []

  constructor(level: number) {
    this.#stream = createZstdCompress({
      params: { [constants.ZSTD_c_compressionLevel]: level },
      chunkSize: OUTPUT_BYTES,
      // Each write is a frame, made in one trip to the thread pool.
      flush: constants.ZSTD_e_end,
    })
    this.#stream.on('data', (piece: Uint8Array) => this.#pieces.push(piece))
  }

  async compress(bytes: Uint8Array): Promise<readonly Uint8Array[]> {
    await new Promise<void>((resolve, reject) => {
      this.#stream.once('error', reject)
      this.#stream.write(bytes, () => {
        this.#stream.off('error', reject)
        resolve()
      })
    })
    while (this.#stream.readableLength > 0) await once(this.#stream, 'data')
    const pieces = this.#pieces
    this.#pieces = []
    return pieces
  }
}
