/**
 * Writes entries into a list of a YAML file and leaves every other character of it as it is: comments, quotes, columns.
 *
 * The parser says where the list ends; the entry is put there as text, in the form that its neighbours have. What comes out
 * is read again: were it anything but the file with these entries, the parser writes the file, which keeps comments too.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Document, YAMLSeq } from 'yaml'
import { PipelineError } from '../core/errors.ts'

type Yaml = typeof import('yaml')

/** `path`: of the list. Throws `config_invalid` where there is none, or where it comes from elsewhere (an alias). */
export async function addEntries(text: string, path: readonly string[], entries: readonly string[]): Promise<string> {
  const yaml = await import('yaml')
  const expected = yaml.parseDocument(text).toJS() as unknown
  const list = path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], expected)
  if (!Array.isArray(list)) throw unwritable(path, 'it has no such list')
  list.push(...entries)
  let changed = text
  for (const entry of entries) changed = insert(yaml, changed, path, entry)
  for (const candidate of [changed, rewritten(yaml, text, path, entries)]) {
    if (isDeepStrictEqual(toJs(yaml, candidate), expected)) return candidate
  }
  throw unwritable(path, 'the list is written in a way that cannot be added to')
}

function insert(yaml: Yaml, text: string, path: readonly string[], entry: string): string {
  const document = yaml.parseDocument(text)
  const list = document.getIn(path, true)
  if (!yaml.isSeq(list) || list.range == null) return text
  return list.flow === true ? insertInline(yaml, text, list, entry) : insertLine(yaml, text, list, entry)
}

/** `[a, b]` */
function insertInline(yaml: Yaml, text: string, list: YAMLSeq, entry: string): string {
  const [start = 0] = list.range ?? []
  const last = endOf(yaml, list.items.at(-1))
  const at = last ?? text.indexOf('[', start) + 1
  return `${text.slice(0, at)}${last === undefined ? '' : ', '}${JSON.stringify(entry)}${text.slice(at)}`
}

/** Behind the last line of the last entry, with a dash in the same column. */
function insertLine(yaml: Yaml, text: string, list: YAMLSeq, entry: string): string {
  const last = list.items.at(-1)
  const end = endOf(yaml, last)
  const start = yaml.isNode(last) ? last.range?.[0] : undefined
  if (end === undefined || start === undefined) return text
  const dash = text.lastIndexOf('-', start - 1)
  const column = dash - (text.lastIndexOf('\n', dash) + 1)
  const newline = text.includes('\r\n') ? '\r\n' : '\n'
  const content = text.slice(0, end).trimEnd().length
  const lineEnd = text.slice(content).search(/\r?\n|$/) + content
  const line = `${newline}${' '.repeat(column)}- ${yaml.stringify(entry, { lineWidth: 0 }).trimEnd()}`
  return text.slice(0, lineEnd) + line + text.slice(lineEnd)
}

function endOf(yaml: Yaml, node: unknown): number | undefined {
  return yaml.isNode(node) ? node.range?.[1] : undefined
}

function rewritten(yaml: Yaml, text: string, path: readonly string[], entries: readonly string[]): string {
  const document: Document = yaml.parseDocument(text)
  const list = document.getIn(path, true)
  if (!yaml.isSeq(list)) return text
  for (const entry of entries) list.add(document.createNode(entry))
  return document.toString({ lineWidth: 0 })
}

function toJs(yaml: Yaml, text: string): unknown {
  const document = yaml.parseDocument(text)
  return document.errors.length > 0 ? undefined : document.toJS()
}

function unwritable(path: readonly string[], reason: string): PipelineError {
  return new PipelineError('config_invalid', `Adding to ${path.join('.')}`, {
    cause: new Error(reason),
    hint: 'Write the entry into the file by hand; a running sync reads it again on SIGHUP',
  })
}
