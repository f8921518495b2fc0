/** A hook may wait for ever; a stop ends it. */
export async function orAborted(signal: AbortSignal, work: Promise<void> | void): Promise<void> {
  const stop = new AbortController()
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { signal: stop.signal })
  })
  try {
    signal.throwIfAborted()
    await Promise.race([work, aborted])
  } finally {
    stop.abort()
  }
}
