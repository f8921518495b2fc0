/** A DuckDB destination with a file and a stage of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { filesInPlace } from '../../src/core/stage.ts'
import { openDuckDbDestination } from '../../src/destinations/duckdb/destination.ts'
import type { MergeLimits } from '../../src/destinations/duckdb/merge-input.ts'
import { inDuckDbFile } from '../support/duckdb-look.ts'
import { StageRows } from '../support/stage-rows.ts'
import type { AnyDestination, DestinationFixture, TextRow } from './destination-fixture.ts'

/** As large flushes are merged: from the files, in several buckets and slices. */
export const PARTS = { smallRows: 0, smallBytes: 0, bucketRows: 3, sliceRows: 2 }

export async function openDuckDbFixture(mergeLimits?: MergeLimits): Promise<DestinationFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'simplyload-duckdb-'))
  const path = join(folder, 'warehouse.duckdb')
  const stage = await StageRows.open(join(folder, 'stage [a]*'))
  const open = (): AnyDestination =>
    openDuckDbDestination({
      path,
      memoryBytesMax: 256 << 20,
      threads: 2,
      fetch: async () => filesInPlace((file) => stage.location(file)),
      ...(mergeLimits === undefined ? {} : { mergeLimits }),
    })
  const opened = [open()]
  const [destination] = opened
  const release = async () => {
    for (const each of opened) await each.release()
  }
  const query = async (sql: string): Promise<TextRow[]> => {
    await release()
    return inDuckDbFile(path, 'READ_WRITE', async (connection) => {
      const reader = await connection.runAndReadAll(sql)
      return reader.getRowObjectsJson() as unknown as TextRow[]
    })
  }
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
  return {
    destination: destination!,
    stage,
    openAnother: async () => {
      await release()
      const another = open()
      opened.push(another)
      return another
    },
    rows: (namespace, name) =>
      query(`SELECT COLUMNS(*)::VARCHAR FROM ${quoted(namespace)}.${quoted(name)} ORDER BY ALL`),
    run: async (sql) => {
      await query(sql)
    },
    [Symbol.asyncDispose]: async () => {
      for (const each of opened) await each[Symbol.asyncDispose]()
      stage.close()
      await rm(folder, { recursive: true })
    },
  }
}
