/** What takes long is told while it goes on, so that nobody has to guess what a run waits for. */

/** A merge of a minute is rare, and one that waits for somebody's lock takes ten. */
const FIRST_MS = 60_000
/** Then after twice as long each time. */
const FACTOR = 2

/** `tell`: with the milliseconds so far. */
export async function tellWhileSlow<T>(work: () => Promise<T>, tell: (soFarMs: number) => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const wait = (soFarMs: number, nextMs: number) => {
    timer = setTimeout(() => {
      tell(nextMs)
      wait(nextMs, nextMs * FACTOR)
    }, nextMs - soFarMs).unref()
  }
  wait(0, FIRST_MS)
  try {
    return await work()
  } finally {
    clearTimeout(timer)
  }
}
