/** `table add`: into the configuration file, which is the truth, and then to the sync that runs. */
import { chmod, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { addEntries } from '../config/add-entries.ts'
import { type Config, expandTableList } from '../connectors.ts'
import type { AddCommand, AddReport, ControlledTable } from '../core/application.ts'
import { PipelineError } from '../core/errors.ts'
import { qualifiedTableName, type TableId } from '../core/table-schema.ts'
import { askSync } from './control.ts'
import type { LoadedConfig } from './loaded-config.ts'
import { openSource } from './open-source.ts'
import { nameTables, selectSources } from './tables.ts'

/** Where the configuration comes from. Absent: it is a value in a program. */
export interface ConfigPlace {
  readonly path: string
  /** False: a module, which only a person can change. */
  readonly isYaml: boolean
  /** Reads the file, or another one as if it stood in its place. */
  readonly load: (path?: string) => Promise<Config>
}

export async function addTables(
  setting: LoadedConfig & { readonly place: ConfigPlace | undefined },
  { source: wanted, tables: typed, wait }: AddCommand,
  onAnswer: (table: ControlledTable) => void,
  signal: AbortSignal,
): Promise<AddReport> {
  const { config, place } = setting
  const [source, ...others] = selectSources(config, { source: wanted, tables: [] })
  if (source === undefined || others.length > 0) {
    throw new PipelineError('not_found', 'Choosing the source', {
      cause: new Error(`there are ${[source, ...others].join(', ')}`),
      hint: `--source ${source ?? 'NAME'}`,
    })
  }
  const entries = typed.map((name) => ({ name, table: idOf(source, name) }))
  await using opened = await openSource(setting, source)
  const known = new Set(
    (await nameTables(config, new Map([[source, opened]]), signal)).map(({ table }) => qualifiedTableName(table)),
  )
  const fresh = entries.filter(({ table }) => !known.has(qualifiedTableName(table)))
  // Says which there are, where one of them is not.
  await opened.describe(
    fresh.map(({ table }) => ({ table, exclude: [], typeOverrides: {} })),
    signal,
  )
  if (fresh.length > 0) {
    const names = fresh.map(({ name }) => name)
    await writeEntries(place, source, names)
  }
  const tables = entries.map(({ table }) => table)
  const report = await askSync(setting, tables, { kind: 'add' }, wait, onAnswer, signal)
  return { ...report, added: fresh.map(({ table }) => table) }
}

function idOf(source: string, name: string): TableId {
  const [found] = expandTableList([{ name }], [])
  if (found !== undefined) return { source, namespace: found.table.namespace, name: found.table.name }
  throw new PipelineError('not_found', `Adding ${name}`, {
    cause: new Error('it is not the name of one table'),
    hint: 'Write schema.table, or "schema"."table" where a name contains dots or quotes',
  })
}

/** The whole file or nothing of it, and never one that is not valid. */
async function writeEntries(place: ConfigPlace | undefined, source: string, names: readonly string[]): Promise<void> {
  const list = names.map((name) => JSON.stringify(name)).join(', ')
  const byHand = `Add ${list} to \`sources.${source}.tables\` by hand; a running sync reads the file again on SIGHUP`
  if (place === undefined || !place.isYaml) {
    throw new PipelineError('config_invalid', 'Writing the configuration', {
      cause: new Error(place === undefined ? 'it is not in a file' : `${place.path} is a program`),
      hint: byHand,
    })
  }
  const { path } = place
  const draft = `${path}.${process.pid}.draft`
  try {
    const text = await addEntries(await readFile(path, 'utf8'), ['sources', source, 'tables'], names)
    await writeFile(draft, text)
    await chmod(draft, (await stat(path)).mode)
    await place.load(draft)
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    if (error instanceof PipelineError) throw error
    throw new PipelineError('config_invalid', `Writing ${path}`, { cause: error, hint: byHand })
  }
}
