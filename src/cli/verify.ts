import type { VerificationReport } from '../core/application.ts'
import { type HistoryFaults, hasFaults, type RowDifference } from '../core/destination.ts'
import { count, counted, duration } from '../core/quantity.ts'
import { tableName } from '../core/table-schema.ts'
import type { CommandContext, CommandEnd } from './command.ts'
import { EXIT } from './exit-code.ts'
import type { Palette } from './palette.ts'
import { type SelectionOptions, selection } from './selection.ts'
import { printable } from './terminal-text.ts'

export async function verify(
  context: CommandContext,
  options: SelectionOptions & { readonly deep: boolean },
): Promise<CommandEnd> {
  const { output, signal } = context
  const application = await context.open()
  const request = { ...selection(options), deep: options.deep }
  const report = await application.verify(
    request,
    (table) => output.note(`Comparing ${printable(tableName(table))} …`),
    signal,
  )
  for (const { table, ...rest } of report.tables) {
    output.event({ event: 'table', source: table.source, table: tableName(table), equal: isEqual(rest), ...rest })
  }
  for (const { table, reason } of report.skipped) {
    output.event({ event: 'skipped', source: table.source, table: tableName(table), reason })
  }
  print(context, report)
  const differing = report.tables.filter((table) => !isEqual(table)).length
  return {
    outcome: report.equal ? 'ok' : 'different',
    exitCode: report.equal ? EXIT.ok : EXIT.different,
    fields: { verified: report.equal, tables: report.tables.length, differing, skipped: report.skipped.length },
  }
}

type Comparison = Omit<VerificationReport['tables'][number], 'table'>

function isEqual(comparison: Comparison): boolean {
  return comparison.differing === 0 && comparison.duplicateKeys === 0 && !hasFaults(comparison.history)
}

const COLUMNS = [
  { title: '' },
  { title: 'TABLE', flexible: true },
  { title: 'SOURCE', align: 'right', dispensable: 2 },
  { title: 'DESTINATION', align: 'right', dispensable: 3 },
  { title: 'DIFFERING', align: 'right' },
  { title: 'QUARANTINED', align: 'right' },
  { title: 'TOOK', align: 'right', dispensable: 1 },
] as const

function print({ output }: CommandContext, report: VerificationReport): void {
  output.table(
    COLUMNS,
    report.tables.map((one) => [
      isEqual(one) ? '=' : '≠',
      tableName(one.table),
      count(one.sourceRows),
      count(one.destinationRows),
      count(one.differing),
      count(one.explained),
      duration(one.durationMs),
    ]),
  )
  for (const one of report.tables) {
    const name = printable(tableName(one.table))
    if (one.duplicateKeys > 0)
      output.answer(`${output.colors.red('✗')} ${name}: ${counted(one.duplicateKeys, 'key')} more than once`)
    for (const fault of historyFaults(one.history)) output.answer(`${output.colors.red('✗')} ${name}: ${fault}`)
    for (const example of one.examples)
      output.answer(`${output.colors.red('✗')} ${name}: ${difference(example, output.colors)}`)
    const hidden = one.differing - one.examples.length
    if (one.examples.length > 0 && hidden > 0)
      output.answer(`  … and ${counted(hidden, 'more difference', 'more differences')}`)
    for (const share of one.nullShares) {
      const [source, destination] = [percent(share.source), percent(share.destination)]
      output.answer(
        `${output.colors.yellow('!')} ${name}: ${printable(share.column)} is NULL in ${source} of source, ${destination} of destination rows`,
      )
    }
  }
  for (const { table, reason } of report.skipped) {
    output.answer(`${output.colors.yellow('!')} ${printable(tableName(table))} was not compared: ${printable(reason)}`)
  }
  const rows = report.tables.reduce((sum, table) => sum + table.sourceRows, 0)
  output.answer(
    report.equal
      ? output.colors.green(
          `✓ ${counted(report.tables.length, 'table')}, ${counted(rows, 'row')}: source and destination are equal.`,
        )
      : output.colors.red(`✗ ${unequal(report)}`),
  )
}

function unequal({ tables, skipped }: VerificationReport): string {
  if (!tables.every(isEqual)) return 'Source and destination differ.'
  return `Not verified: ${counted(skipped.length, 'table')} ${skipped.length === 1 ? 'was' : 'were'} not compared.`
}

function difference({ key, kind, columns }: RowDifference, colors: Palette): string {
  const where =
    kind === 'missing' ? 'is missing on the destination' : kind === 'extra' ? 'is not in the source' : 'differs'
  const which = columns.length === 0 ? '' : ` in ${columns.map(printable).join(', ')}`
  return `key ${colors.bold(printable(key))} ${where}${which}`
}

function historyFaults(history: HistoryFaults | undefined): readonly string[] {
  if (history === undefined) return []
  const told: readonly (readonly [number, string])[] = [
    [history.duplicates, 'beginning when another one of its key begins'],
    [history.overlaps, 'overlapping the next one of its key'],
    [history.gaps, 'ending before the next one of its key begins'],
  ]
  const versions = told.flatMap(([number, what]) => (number === 0 ? [] : [`${counted(number, 'version')} ${what}`]))
  if (history.severalActive === 0) return versions
  return [...versions, `${counted(history.severalActive, 'key')} with more than one active version`]
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0 && share < 0.001 ? 3 : 1)} %`
}
