/** The product as `simplyload sync` puts it together from a configuration, for one source, in a given folder. */
import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { engineSettings } from '../../src/app/engine-settings.ts'
import { resolveTables } from '../../src/app/tables.ts'
import {
  CONFIG_SCHEMA,
  createSource,
  openDestination,
  openStage,
  openState,
  valueLimits,
} from '../../src/connectors.ts'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import type { Destination } from '../../src/core/destination.ts'
import { silentLog } from '../../src/core/log.ts'
import type { ProgressListener } from '../../src/core/progress.ts'
import type { ChangeSource, ChangeStream } from '../../src/core/source.ts'
import type { SourceContext } from '../../src/engine/context.ts'
import { DiscardingDestination } from './discarding-destination.ts'
import type { SyncRequest } from './sync-request.ts'

const SOURCE = 'bench'

/** Where `{source}_{namespace}.{table}` puts the table of the figures. */
export const FINAL_ORDER_TABLE = 'bench_bench.orders'

export function warehouseFile(folder: string): string {
  return join(folder, 'warehouse.duckdb')
}

export function stageFolder(folder: string): string {
  return join(folder, '.simplyload', 'stage')
}

export interface Product extends AsyncDisposable {
  readonly context: SourceContext
  /** Where the source is polled: polls it now. Returns milliseconds until what it found was recorded. */
  poll(): Promise<number>
}

/** What the figures of DuckDB do not ask for. */
export interface ProductSetting {
  /** As in the configuration. Default: a DuckDB file in the folder. */
  readonly destination?: Readonly<Record<string, unknown>>
  readonly clock?: Clock
}

/** `visible`: a flush with this load time is committed and the destination's file is free for others. */
export async function openProduct(
  request: SyncRequest,
  emit: ProgressListener,
  visible: (loadedMs: number, atMs: number) => void,
  { destination: configured, clock = systemClock }: ProductSetting = {},
): Promise<Product> {
  const { folder } = request
  await mkdir(folder, { recursive: true })
  const config = CONFIG_SCHEMA.parse({
    version: 1,
    sources: {
      [SOURCE]: {
        type: 'postgres',
        url: request.url,
        ...(request.mode === undefined ? {} : { mode: request.mode }),
        ...(request.pollInterval === undefined ? {} : { interval: request.pollInterval }),
        tables: request.tables.map((name) => ({ name, write: request.write ?? 'merge' })),
      },
    },
    destination: configured ?? { type: 'duckdb', path: 'warehouse.duckdb' },
    sync: { interval: request.interval, memory: request.memory, parallelism: request.connections },
  })
  const sourceConfig = config.sources[SOURCE]
  if (sourceConfig === undefined) throw new Error('The configuration lost its source')
  await using opened = new AsyncDisposableStack()
  const state = opened.use(await openState(config, folder, 'write'))
  const stage = opened.use(await openStage(config, folder))
  const destination: Destination = opened.use(
    request.destination === 'discard'
      ? new DiscardingDestination(join(folder, 'discarded.json'))
      : await openDestination(config, folder, stage),
  )
  observeVisibility(destination, visible)
  const source = opened.use(
    await createSource(SOURCE, sourceConfig, folder, await state.source(SOURCE), valueLimits(config)),
  )
  const poll = observeStream(source)
  const [resolved] = await resolveTables(config, new Map([[SOURCE, source]]), '.', new AbortController().signal)
  const context: SourceContext = {
    name: SOURCE,
    source,
    tables: resolved?.tables ?? [],
    only: undefined,
    destination,
    stage,
    state,
    settings: engineSettings(config),
    clock,
    log: silentLog,
    emit,
    runId: randomUUID(),
  }
  const resources = opened.move()
  return { context, poll, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

/** A boundary that is asked for and confirmed: what lies before it is in stage files and in the ledger. */
function observeStream(source: ChangeSource): () => Promise<number> {
  let stream: ChangeStream | undefined
  let confirmed: (lsn: bigint) => void = () => undefined
  const openStream = source.openStream.bind(source)
  source.openStream = async (request, signal) => {
    const opened = await openStream(request, signal)
    const confirm = opened.confirm.bind(opened)
    opened.confirm = (lsn) => {
      confirm(lsn)
      confirmed(lsn)
    }
    stream = opened
    return opened
  }
  return async () => {
    const wanted = await source.currentLsn(new AbortController().signal)
    if (stream === undefined) throw new Error('There is no stream yet')
    const { promise, resolve } = Promise.withResolvers<void>()
    confirmed = (lsn) => {
      if (lsn >= wanted) resolve()
    }
    const askedMs = performance.now()
    stream.requestBoundary(wanted)
    await promise
    return performance.now() - askedMs
  }
}

/** A reader in another process sees a commit once the file is let go, so that is the moment that counts. */
function observeVisibility(destination: Destination, visible: (loadedMs: number, atMs: number) => void): void {
  const committed: number[] = []
  const flush = destination.flush.bind(destination)
  const release = destination.release.bind(destination)
  destination.flush = async (request, signal) => {
    const result = await flush(request, signal)
    if (result.outcome === 'committed') committed.push(request.loadedMs)
    return result
  }
  destination.release = async () => {
    await release()
    const atMs = Date.now()
    for (const loadedMs of committed.splice(0)) visible(loadedMs, atMs)
  }
}
