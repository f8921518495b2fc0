import type { Discovery } from '../core/application.ts'
import { bytes, compact, count, counted } from '../core/quantity.ts'
import { describeIdentity } from '../core/source.ts'
import { tableName } from '../core/table-schema.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'
import { printable } from './terminal-text.ts'
import { writtenTableName, yamlText } from './yaml-text.ts'

export interface DiscoverOptions {
  readonly yaml: boolean
  readonly columns: boolean
}

export async function discover(
  context: CommandContext,
  source: string | undefined,
  options: DiscoverOptions,
): Promise<CommandEnd> {
  const { output, signal } = context
  const found = await (await context.open()).discover(source, signal)
  for (const discovery of found) {
    for (const { schema, table, ...rest } of discovery.tables) {
      const columns = schema.columns.map((column, i) => ({
        name: column.name,
        type: column.sourceType,
        targetType: rest.targetTypes[i],
        nullable: column.nullable,
      }))
      const { targetTypes: _inColumns, ...facts } = rest
      const name = tableName(table)
      output.event({
        event: 'table',
        source: discovery.source,
        table: name,
        identity: describeIdentity(schema),
        ...facts,
        columns,
      })
    }
    if (options.yaml) printYaml(context, discovery)
    else printTables(context, discovery, options.columns)
  }
  return done({ tables: found.reduce((sum, discovery) => sum + discovery.tables.length, 0) })
}

function printTables({ output }: CommandContext, { source, tables }: Discovery, withColumns: boolean): void {
  output.answer(output.colors.bold(`${source}: ${counted(tables.length, 'table')}`))
  const ofFiles = tables.filter(({ files }) => files !== undefined)
  if (ofFiles.length > 0) {
    const columns = [
      { title: 'TABLE', flexible: true },
      { title: 'PATH', flexible: true },
      { title: 'FILES', align: 'right' },
      { title: 'SIZE', align: 'right', dispensable: 1 },
      { title: 'WRITE', dispensable: 2 },
      { title: 'DESTINATION', flexible: true, dispensable: 3 },
    ] as const
    output.table(
      columns,
      ofFiles.map(({ table, files, bytes: size, target }) => [
        tableName(table),
        files?.path ?? '',
        count(files?.count ?? 0),
        bytes(size),
        files?.write ?? '',
        target,
      ]),
    )
  } else output.table(COLUMNS, tables.map(tableRow))
  for (const found of tables) {
    for (const warning of found.warnings) {
      output.answer(`${output.colors.yellow('!')} ${printable(tableName(found.table))}: ${printable(warning)}`)
    }
  }
  for (const found of withColumns ? tables : []) {
    output.answer()
    output.answer(output.colors.bold(printable(tableName(found.table))))
    output.table(
      [{ title: 'COLUMN', flexible: true }, { title: 'TYPE' }, { title: 'ON THE DESTINATION' }, { title: 'NULLS' }],
      found.schema.columns.map((column, i) => [
        column.name,
        column.sourceType,
        found.targetTypes[i] ?? '',
        column.nullable ? 'yes' : 'no',
      ]),
    )
  }
  output.answer()
}

const COLUMNS = [
  { title: 'TABLE', flexible: true },
  { title: 'ROWS', align: 'right' },
  { title: 'SIZE', align: 'right', dispensable: 1 },
  { title: 'RECOGNISED BY', flexible: true },
  { title: 'CURSORS', flexible: true, dispensable: 2 },
  { title: 'DESTINATION', flexible: true, dispensable: 3 },
  { title: 'CONFIGURED' },
] as const

function tableRow(found: Discovery['tables'][number]): readonly string[] {
  return [
    tableName(found.table),
    `~${compact(found.estimatedRows)}`,
    bytes(found.bytes),
    describeIdentity(found.schema),
    found.cursorCandidates.map(({ column, indexed }) => (indexed ? column : `${column} (no index)`)).join(', '),
    found.target,
    found.configured ? 'yes' : 'no',
  ]
}

function printYaml({ output }: CommandContext, { source, tables }: Discovery): void {
  output.answer(`  ${yamlText(source)}:`)
  if (tables.some(({ files }) => files !== undefined)) {
    output.answer('    # Its tables are of files, and are those of the configuration.')
    output.answer('    # `simplyload files check --suggest FILES` prints entries for others.')
    return
  }
  output.answer('    tables:')
  for (const found of tables) {
    for (const warning of found.warnings) output.answer(`      # ${printable(warning)}`)
    const known = found.configured ? '  # configured already, and its options are not repeated here' : ''
    output.answer(`      - ${yamlText(writtenTableName(found.table))}${known}`)
  }
}
