import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Discovery } from '../core/application.ts'
import { CONFIG_FILES } from '../core/application.ts'
import { PipelineError } from '../core/errors.ts'
import { counted } from '../core/quantity.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'
import { ask } from './confirmation.ts'
import { errorLines } from './error-report.ts'
import { type ChosenDestination, chooseDestination, type DestinationOptions, duckDbFile } from './init-destination.ts'
import { printable } from './terminal-text.ts'
import { writtenTableName, yamlText } from './yaml-text.ts'

export interface InitOptions extends DestinationOptions {
  readonly source?: string
  readonly url?: string
  readonly table?: readonly string[]
  readonly force: boolean
  readonly yes: boolean
}

const SOURCE_NAME = /^[a-z][a-z0-9_]{0,39}$/

/** The connection string is used to look for tables and goes into no file; the file names the variable that holds it. */
export async function init(context: CommandContext, options: InitOptions): Promise<CommandEnd> {
  const { output } = context
  const file = context.options.config ?? CONFIG_FILES[0]
  if (!options.force && (await exists(file))) {
    throw new PipelineError('config_invalid', `Writing ${file}`, {
      cause: 'it exists already',
      hint: 'Add --force to overwrite it, or --config FILE to write another one',
    })
  }
  const interactive = !options.yes && context.stdin.isTTY === true
  const answer = async (given: string | undefined, question: string, fallback: string): Promise<string> => {
    if (given !== undefined || !interactive) return given ?? fallback
    return (await ask(context, `${question}${fallback === '' ? '' : ` [${fallback}]`}: `)) || fallback
  }

  const source = await answer(options.source, 'Name of the source', 'shop')
  if (!SOURCE_NAME.test(source)) {
    throw new PipelineError('config_invalid', `Naming the source ${JSON.stringify(source)}`, {
      cause: 'a name is lower-case letters, digits and _, begins with a letter, and has at most 40',
      hint: 'Choose another one: --source shop',
    })
  }
  const variable = `${source.toUpperCase()}_DATABASE_URL`
  const known = options.url ?? context.environment[variable]
  const url = await answer(known, `Connection string, to look for tables (it goes into no file; Enter to skip)`, '')
  const tables = options.table ?? (await chooseTables(context, source, url, interactive))
  const destination = await chooseDestination(options, answer)

  await writeFile(file, configuration(source, variable, tables, destination))
  const exampleFile = join(dirname(file), '.env.example')
  const wroteExample = options.force || !(await exists(exampleFile))
  const variables = { [variable]: `postgres://user:password@localhost:5432/${source}`, ...destination.variables }
  const example = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`)
  if (wroteExample) await writeFile(exampleFile, example.join(''))

  const files = wroteExample ? [file, exampleFile] : [file]
  output.answer(`${output.colors.green('✓')} Wrote ${files.join(' and ')}.`)
  output.answer('Next:')
  const missing = Object.keys(variables).filter((name) => context.environment[name] === undefined)
  if (missing.length > 0) {
    output.answer(`  cp ${exampleFile} ${join(dirname(file), '.env')}    and write ${missing.join(' and ')} into it`)
  }
  if (destination.isSnowflake) {
    output.answer(`  ${context.program} snowflake setup    and have an administrator run what it prints`)
  }
  output.answer(`  ${context.program} doctor`)
  output.answer(`  ${context.program} sync`)
  return done({ files, source, tables })
}

/** Every table of the schema, where nobody can say which there are. */
const ANY_TABLE = ['public.*']

async function chooseTables(
  context: CommandContext,
  source: string,
  url: string,
  interactive: boolean,
): Promise<readonly string[]> {
  if (url === '') return ANY_TABLE
  const found = (await discoverTables(context, source, url)).flatMap((discovery) =>
    discovery.tables.map(({ table }) => writtenTableName(table)),
  )
  context.output.note(
    `Found ${counted(found.length, 'table')}${found.length === 0 ? '' : `: ${found.map(printable).join(', ')}`}`,
  )
  if (found.length === 0) return ANY_TABLE
  if (!interactive) return found
  for (;;) {
    const chosen = await ask(context, 'Tables to copy, separated by commas [all]: ')
    if (chosen === '' || chosen === 'all') return found
    const names = chosen.split(',').map((name) => name.trim())
    const short = (name: string): string => name.slice(name.indexOf('.') + 1)
    const unknown = names.filter((name) => !found.some((table) => table === name || short(table) === name))
    if (unknown.length === 0) return found.filter((table) => names.includes(table) || names.includes(short(table)))
    context.output.note(`There is no ${unknown.map(printable).join(', ')}.`)
  }
}

/** A database that cannot be reached now is no reason to write no file. */
async function discoverTables(context: CommandContext, source: string, url: string): Promise<readonly Discovery[]> {
  const folder = await mkdtemp(join(tmpdir(), 'simplyload-init-'))
  const configFile = join(folder, 'simplyload.yaml')
  try {
    await writeFile(configFile, configuration(source, 'SIMPLYLOAD_INIT_URL', ANY_TABLE, duckDbFile()))
    const application = await context.open({ configFile, environment: { SIMPLYLOAD_INIT_URL: url } })
    return await application.discover(source, context.signal)
  } catch (error) {
    if (context.signal.aborted) throw error
    context.output.alert(errorLines(error, context.output.noteColors, false))
    context.output.note('Going on without a list of tables; simplyload discover --yaml prints one later.')
    return []
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function configuration(
  source: string,
  variable: string,
  tables: readonly string[],
  destination: ChosenDestination,
): string {
  return `# yaml-language-server: $schema=https://unpkg.com/simplyload/schema/simplyload.schema.json
version: 1
sources:
  ${source}:
    type: postgres
    url: \${${variable}}
    tables:
${tables.map((table) => `      - ${yamlText(table)}`).join('\n')}
${destination.yaml}`
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false // also where a folder on the way is missing: then writing says so
  }
}
