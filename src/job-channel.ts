/** The end of a job's channel that is in the command's process. Without it a command is not a job. */
import { JOB_VARIABLE, type JobMessage, STOP_MESSAGE } from './jobs/job-message.ts'

/** A process that grows by a gigabyte a second is ended a quarter of one beyond its bound. */
const MEMORY_EVERY_MS = 250

export interface JobChannel {
  tell(line: string): void
  /** Resolves when all that was told has left this process. */
  close(): Promise<void>
}

/** `stop` is called once: when the keeper asks for it, or is gone. Undefined where nobody keeps this process. */
export function openJobChannel(stop: () => void): JobChannel | undefined {
  const isJob = process.env[JOB_VARIABLE] !== undefined
  // Not for processes that this one starts.
  delete process.env[JOB_VARIABLE]
  if (!isJob || process.send === undefined) return undefined
  const send = (message: JobMessage, sent: () => void = () => undefined): void => {
    if (process.connected) process.send?.(message, sent)
    else sent()
  }
  process.once('message', (message) => {
    if (message === STOP_MESSAGE) stop()
  })
  process.once('disconnect', stop)
  // Whoever read it is gone; the end of the channel says so too.
  process.stderr.on('error', () => undefined)
  const memory = () => send({ kind: 'memory', rssBytes: process.memoryUsage.rss() })
  setInterval(memory, MEMORY_EVERY_MS).unref()
  return {
    tell: (line) => send({ kind: 'event', line }),
    close: () =>
      new Promise((resolve) => send({ kind: 'memory', rssBytes: process.memoryUsage.rss() }, () => resolve())),
  }
}
