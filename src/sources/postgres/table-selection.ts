/** Names of tables and types as people write them in `simplyload.yaml`. */
import type { RelationName } from './catalog.ts'

export const TABLE_NAME_FORM = 'schema.table, "schema"."table" where a name contains dots or quotes, or schema.*'

// A part is quoted as in SQL, or plain text without dots and quotes. Plain text is taken as it is, upper case included.
const PART = '"((?:[^"]|"")+)"|([^".]+)'
const NAME = new RegExp(`^(?:(?:${PART})\\.)?(?:${PART})$`)

/** Without a schema: `public`. Undefined: not a name. A plain `*` stays as it is: see `expandTables`. */
export function parseTableName(text: string): RelationName | undefined {
  const match = NAME.exec(text)
  if (match === null) return undefined
  const [, quotedSchema, plainSchema = 'public', quotedName, plainName = ''] = match
  const part = (quoted: string | undefined, plain: string): string => quoted?.replaceAll('""', '"') ?? plain
  return { namespace: part(quotedSchema, plainSchema), name: part(quotedName, plainName) }
}

export function isPattern(text: string): boolean {
  return parseTableName(text)?.name === '*' && !text.endsWith('"')
}

/** Entries that say what an earlier one says, however it is written: their places in the list. */
export function repeatedEntries(
  entries: readonly { readonly name: string }[],
): readonly { readonly index: number; readonly first: number }[] {
  const places = new Map<string, number>()
  return entries.flatMap(({ name }, index) => {
    const table = parseTableName(name)
    const key = JSON.stringify([table?.namespace, table?.name, isPattern(name)])
    const first = places.get(key)
    if (first === undefined) places.set(key, index)
    return first === undefined ? [] : [{ index, first }]
  })
}

/** Entries with `schema.*` replaced by the tables of that schema that no other entry names. */
export function expandTables<T extends { readonly name: string }>(
  entries: readonly T[],
  present: readonly RelationName[],
): readonly { readonly entry: T; readonly table: RelationName }[] {
  const named = entries.flatMap((entry) => {
    const table = isPattern(entry.name) ? undefined : parseTableName(entry.name)
    return table === undefined ? [] : [{ entry, table }]
  })
  const taken = new Set(named.map(({ table }) => JSON.stringify([table.namespace, table.name])))
  const matched = entries.flatMap((entry) => {
    if (!isPattern(entry.name)) return []
    const namespace = parseTableName(entry.name)?.namespace
    return present
      .filter((table) => table.namespace === namespace && !taken.has(JSON.stringify([table.namespace, table.name])))
      .map((table) => ({ entry, table }))
  })
  return [...named, ...matched]
}
