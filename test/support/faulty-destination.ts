/**
 * A destination that fails as networks and machines do: before a call (nothing was done), after it (it was done, and the
 * reply is lost), or by holding it up. Which call fails how is decided by whoever makes it.
 */
import type {
  BackfillEnd,
  CompareRequest,
  ComparingDestination,
  Destination,
  Flush,
  FlushResult,
  KeptToken,
  Lease,
  QuarantineEntry,
  SnapshotLoad,
  SnapshotLoaded,
  SourceCheckpoints,
  TableComparison,
  TargetTable,
} from '../../src/core/destination.ts'
import { PipelineError } from '../../src/core/errors.ts'
import type { Finding } from '../../src/core/finding.ts'
import type { Position } from '../../src/core/position.ts'
import type { TableId, TableSchema } from '../../src/core/table-schema.ts'
import { orAborted } from './or-aborted.ts'

export type DestinationCall =
  | 'acquireLease'
  | 'beginSnapshot'
  | 'loadSnapshot'
  | 'finishSnapshot'
  | 'finishBackfill'
  | 'flush'
  | 'detach'
  | 'resetCheckpoint'

export interface Fault {
  /** Fails without having been done. */
  readonly before?: Error
  /** Is done, and fails. */
  readonly after?: Error
  /** Runs before the call; a stop ends it. */
  readonly hold?: () => Promise<void>
  /** Runs after the call. */
  readonly afterwards?: () => Promise<void>
}

/** `detail`: what the call was given, for tests that pick one. */
export type FaultPlan = (call: DestinationCall, detail?: Flush | SnapshotLoad) => Fault | undefined

export function lostReply(call: string): PipelineError {
  return new PipelineError('destination_unreachable', `Calling ${call}`, { cause: new Error('the reply was lost') })
}

export class FaultyDestination implements Destination, ComparingDestination {
  readonly name: string
  readonly #inner: Destination & ComparingDestination
  readonly #plan: FaultPlan

  constructor(inner: Destination & ComparingDestination, plan: FaultPlan) {
    this.name = inner.name
    this.#inner = inner
    this.#plan = plan
  }

  examine(targets: readonly TargetTable[], signal: AbortSignal): Promise<readonly Finding[]> {
    return this.#inner.examine(targets, signal)
  }

  acquireLease(
    source: string,
    signal: AbortSignal,
  ): Promise<{ readonly lease: Lease; readonly checkpoints: SourceCheckpoints }> {
    return this.#call('acquireLease', signal, () => this.#inner.acquireLease(source, signal))
  }

  checkpoints(source: string, signal: AbortSignal): Promise<SourceCheckpoints | undefined> {
    return this.#inner.checkpoints(source, signal)
  }

  tokens(source: string, signal: AbortSignal): Promise<readonly KeptToken[]> {
    return this.#inner.tokens(source, signal)
  }

  beginSnapshot(
    lease: Lease,
    target: TargetTable,
    schema: TableSchema,
    keep: boolean,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    return this.#call('beginSnapshot', signal, () => this.#inner.beginSnapshot(lease, target, schema, keep, signal))
  }

  loadSnapshot(lease: Lease, load: SnapshotLoad, signal: AbortSignal): Promise<SnapshotLoaded> {
    return this.#call('loadSnapshot', signal, () => this.#inner.loadSnapshot(lease, load, signal), load)
  }

  finishSnapshot(
    lease: Lease,
    target: TargetTable,
    schema: TableSchema,
    position: Position,
    positions: number,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#call('finishSnapshot', signal, () =>
      this.#inner.finishSnapshot(lease, target, schema, position, positions, signal),
    )
  }

  finishBackfill(lease: Lease, end: BackfillEnd, signal: AbortSignal): Promise<number | undefined> {
    return this.#call('finishBackfill', signal, () => this.#inner.finishBackfill(lease, end, signal))
  }

  flush(flush: Flush, signal: AbortSignal): Promise<FlushResult> {
    return this.#call('flush', signal, () => this.#inner.flush(flush, signal), flush)
  }

  detach(lease: Lease, table: TableId, signal: AbortSignal): Promise<void> {
    return this.#call('detach', signal, () => this.#inner.detach(lease, table, signal))
  }

  resetCheckpoint(lease: Lease, table: TableId | undefined, signal: AbortSignal): Promise<void> {
    return this.#call('resetCheckpoint', signal, () => this.#inner.resetCheckpoint(lease, table, signal))
  }

  quarantine(
    source: string,
    filter: { readonly table?: TableId; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly QuarantineEntry[]> {
    return this.#inner.quarantine(source, filter, signal)
  }

  compare(request: CompareRequest, signal: AbortSignal): Promise<TableComparison> {
    return this.#inner.compare(request, signal)
  }

  release(): Promise<void> {
    return this.#inner.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#inner[Symbol.asyncDispose]() as Promise<void>
  }

  async #call<T>(
    call: DestinationCall,
    signal: AbortSignal,
    work: () => Promise<T>,
    detail?: Flush | SnapshotLoad,
  ): Promise<T> {
    const fault = this.#plan(call, detail)
    if (fault?.before !== undefined) throw fault.before
    await orAborted(signal, fault?.hold?.())
    const result = await work()
    await orAborted(signal, fault?.afterwards?.())
    if (fault?.after !== undefined) throw fault.after
    return result
  }
}
