/** Which passes a check makes over a file, before it makes them. */
import type { CheckPass } from '../../core/file-commands.ts'
import { apartId, apartSql } from './apart-passes.ts'
import type { FilePasses } from './file-passes.ts'
import { plannedScan } from './scan-file.ts'
import { acrossRules } from './set-checks.ts'

/** `files`: of the set, in this run. */
export function planPasses(passes: FilePasses, files: number, resolve: (file: string) => string): readonly CheckPass[] {
  const { file } = passes
  const relation = passes.planned()
  const { questions, scan } = plannedScan(file.set, relation, 'CRITICAL')
  const isText = file.set.format.kind === 'delimited'
  const days = file.set.dateColumn === undefined ? [] : ['completeness', 'anomaly']
  const list: CheckPass[] = [
    {
      name: 'scan',
      what: `DuckDB parses the file${passes.isPiped ? ', which we unpack and hand on' : ''}, and counts by day what each row answers by itself`,
      asks: ['structure', ...questions.rows.map(({ id }) => id), 'volume', ...days],
      bytes: file.bytes,
      sql: scan.sql,
      when: undefined,
    },
  ]
  if (isText) {
    list.push({
      name: 'count',
      what: 'another reader counts the records, to be held against those that were parsed',
      asks: ['coverage.records', 'structure.line_ends', 'structure.nul'],
      // What passes through the pipe is counted on its way.
      bytes: passes.isPiped ? 0 : file.bytes,
      sql: undefined,
      when: 'at the same time',
    })
  }
  for (const apart of questions.apart) {
    const { rule } = apart
    list.push({
      name: rule.name,
      what: WHAT[apart.kind],
      asks: [apartId(rule)],
      bytes: file.bytes,
      sql: rule.question.kind === 'query' ? rule.question.sql : apartSql(apart, relation.prologue, resolve),
      when: undefined,
    })
  }
  for (const rule of files > 1 ? acrossRules(file.set) : []) {
    list.push({
      name: `${rule.name}, all files`,
      what: `keys are kept and compared with those of ${files - 1} other ${files === 2 ? 'file' : 'files'}`,
      asks: [apartId(rule)],
      bytes: file.bytes,
      sql: undefined,
      when: 'after all files',
    })
  }
  list.push({
    name: 'samples',
    what: 'a few rows of each kind that fails, with their lines',
    asks: [],
    bytes: file.bytes,
    sql: undefined,
    when: 'where something fails',
  })
  return list
}

const WHAT = {
  unique: 'rows are grouped by key, on the disk where there are too many for memory',
  references: 'values are looked up in the other file',
  query: 'the query is run',
} as const
