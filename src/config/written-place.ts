/** Where rules of file sets and calendars are written, for what is found out about them only when they are tried. */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'

export interface RuleName {
  readonly source: string
  readonly table: string
  readonly rule: string
}

/** Each answers with `simplyload.yaml:12:9`, or with undefined for what comes from elsewhere, such as the rule of a column. */
export interface WrittenPlaces {
  readonly ofRule: (name: RuleName) => string | undefined
  readonly ofCalendar: (name: string) => string | undefined
}

const NO_PLACES: WrittenPlaces = { ofRule: () => undefined, ofCalendar: () => undefined }

/** `file`: undefined where the configuration is a value. */
export async function readPlaces(file: string | undefined): Promise<WrittenPlaces> {
  if (file === undefined || !/\.ya?ml$/.test(file)) return NO_PLACES
  const lines = new LineCounter()
  const document = parseDocument(await readFile(file, 'utf8'), { lineCounter: lines })
  const named = (list: unknown, name: string) =>
    isSeq(list) ? list.items.find((each) => isMap(each) && each.get('name') === name) : undefined
  const placeOf = (node: unknown) => {
    if (!isNode(node) || !node.range) return undefined
    const { line, col } = lines.linePos(node.range[0])
    return `${basename(file)}:${line}:${col}`
  }
  return {
    ofRule: ({ source, table, rule }) => {
      const entry = named(document.getIn(['sources', source, 'tables'], true), table)
      return placeOf(isMap(entry) ? named(entry.get('rules', true), rule) : undefined)
    },
    ofCalendar: (name) => {
      const written = document.get('calendars', true)
      const pair = isMap(written) ? written.items.find(({ key }) => isScalar(key) && key.value === name) : undefined
      return placeOf(pair?.key)
    },
  }
}
