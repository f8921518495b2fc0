/**
 * Runs the product in a process of its own, so that neither the harness nor PostgreSQL is in its memory and time. The
 * process ends with this one, however that happens: it notices that the channel is closed.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { scriptPath } from './script-path.ts'
import type { CountedStatement, PollResult, SyncMessage, SyncOrder, SyncRequest, SyncResult } from './sync-request.ts'

export type MessageListener = (message: SyncMessage) => void

export interface RunningSync {
  readonly finished: Promise<SyncResult>
  /** Finish what is in hand, commit it, and end. */
  stop(): void
  /** Where `counted`: the statements so far. */
  count(): Promise<readonly CountedStatement[]>
  /** Where the source is polled: polls it now. Answers once what is found is recorded. */
  poll(): Promise<PollResult>
}

/** `profile`: folder for CPU profiles. */
export async function startSync(
  request: SyncRequest,
  profile: string | undefined,
  listener: MessageListener = () => undefined,
): Promise<RunningSync> {
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const child = fork(scriptPath('sync-process.ts'), [JSON.stringify(request)], {
    execArgv: [...profiling],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const { promise: finished, resolve, reject } = Promise.withResolvers<SyncResult>()
  const { promise: ready, resolve: beReady } = Promise.withResolvers<void>()
  finished.catch(() => undefined) // whoever awaits it hears of it; a child may end before anyone does
  const countTakers: ((statements: readonly CountedStatement[]) => void)[] = []
  const pollTakers: ((poll: PollResult) => void)[] = []
  let result: SyncResult | undefined
  child.on('message', (message: SyncMessage) => {
    if (message.kind === 'ready') beReady()
    if (message.kind === 'done') result = message.result
    if (message.kind === 'counts') countTakers.shift()?.(message.statements)
    if (message.kind === 'polled') pollTakers.shift()?.(message.poll)
    listener(message)
  })
  child.once('exit', (code, signal) => {
    if (result === undefined) reject(new Error(`The measured process ended with ${signal ?? code}`))
    else if (result.error !== undefined) reject(new Error(`The measured run failed: ${result.error}`))
    else resolve(result)
  })
  const order = (kind: SyncOrder['kind']) => child.send({ kind } satisfies SyncOrder)
  await Promise.race([ready, once(child, 'exit')])
  if (child.connected) order('go')
  return {
    finished,
    stop: () => order('stop'),
    count() {
      const counts = new Promise<readonly CountedStatement[]>((take) => {
        countTakers.push(take)
      })
      order('count')
      return counts
    },
    poll() {
      const polled = new Promise<PollResult>((take) => {
        pollTakers.push(take)
      })
      order('poll')
      return Promise.race([polled, finished.then(() => Promise.reject(new Error('The run ended before the poll')))])
    },
  }
}

export async function runSync(request: SyncRequest, profile?: string, listener?: MessageListener): Promise<SyncResult> {
  return (await startSync(request, profile, listener)).finished
}
