/** Where the rule of a file set is written, for what is found out about it only when it is tried. */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { isMap, isSeq, LineCounter, parseDocument } from 'yaml'

export interface RuleName {
  readonly source: string
  readonly table: string
  readonly rule: string
}

/** Answers with `simplyload.yaml:12:9`; with undefined for a rule that comes from elsewhere, as of a column. */
export async function readRulePlaces(file: string): Promise<(name: RuleName) => string | undefined> {
  if (!/\.ya?ml$/.test(file)) return () => undefined
  const lines = new LineCounter()
  const document = parseDocument(await readFile(file, 'utf8'), { lineCounter: lines })
  const named = (list: unknown, name: string) =>
    isSeq(list) ? list.items.find((each) => isMap(each) && each.get('name') === name) : undefined
  return ({ source, table, rule }) => {
    const entry = named(document.getIn(['sources', source, 'tables'], true), table)
    const found = isMap(entry) ? named(entry.get('rules', true), rule) : undefined
    if (!isMap(found) || !found.range) return undefined
    const { line, col } = lines.linePos(found.range[0])
    return `${basename(file)}:${line}:${col}`
  }
}
