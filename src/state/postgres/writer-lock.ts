/**
 * One process writes a state. The lock belongs to the session of its connection: the server lets go of it when the
 * connection ends, however it ends. While the connection is being made anew nobody has it, and another process may take
 * it; then the lease at the destination decides between the two, as it does in any case.
 */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { PipelineError } from '../../core/errors.ts'
import { anotherWriter } from '../another-writer.ts'
import type { StateClient } from './connection.ts'
import type { Place } from './errors.ts'

/** `SLst`: the first half of the keys of our advisory locks. */
const WRITERS = 0x534c7374
/** For the making of tables, which commands and a sync may begin at the same time. */
const MAKERS = 0x534c7375

/** A process that was killed a moment ago still has it until the server notices. */
const LOCK_WAIT_MS = 3_000
const ASK_EVERY_MS = 50

interface Holder {
  readonly pid: number
  readonly address: string | null
}

/** `former`: the server's process of our own last connection, which may not have noticed its end. */
export async function takeWriterLock(
  client: StateClient,
  place: Place,
  former: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + (place.lockWaitMs ?? LOCK_WAIT_MS)
  for (;;) {
    const [row] = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS locked', [
      WRITERS,
      keyOf(place.schema),
    ])
    if (row?.locked === true) return
    const holder = await findHolder(client, place)
    const isOurs = holder !== undefined && holder.pid === former
    // It may still have something of ours to carry out, which must not come after what we write next.
    if (isOurs) await client.query('SELECT pg_terminate_backend($1)', [holder.pid])
    if (performance.now() >= deadline) throw isOurs ? formerSession(place) : locked(place, holder)
    await delay(ASK_EVERY_MS, undefined, { signal })
  }
}

/** Asks without taking it. */
export async function hasWriter(client: StateClient, place: Place): Promise<boolean> {
  return (await findHolder(client, place)) !== undefined
}

/** Until the end of the transaction. */
export async function takeMakerLock(client: StateClient, place: Place): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1, $2)', [MAKERS, keyOf(place.schema)])
}

async function findHolder(client: StateClient, place: Place): Promise<Holder | undefined> {
  const [holder] = await client.query<Holder>(
    `SELECT l.pid, host(a.client_addr) AS address FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1 AND l.objid = $2 AND l.objsubid = 2
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [WRITERS, keyOf(place.schema)],
  )
  return holder
}

function keyOf(schema: string): number {
  return createHash('sha256').update(schema).digest().readUInt32BE(0) >>> 1
}

function locked({ server, schema }: Place, holder: Holder | undefined): PipelineError {
  return anotherWriter({
    place: `${server}, schema ${schema}`,
    holder: holder === undefined ? undefined : `from ${holder.address ?? 'this machine'}, server process ${holder.pid}`,
    other: 'a schema of its own (state.schema)',
    end: holder === undefined ? undefined : `SELECT pg_terminate_backend(${holder.pid})`,
    context: { server, schema },
  })
}

function formerSession({ server, schema }: Place): PipelineError {
  return new PipelineError('state_unreachable', `Opening the state ${server}, schema ${schema}`, {
    cause: new Error('the server has not ended our former session yet'),
    context: { server, schema },
  })
}
