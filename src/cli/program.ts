/** The commands, their arguments and help. What a command does is in its own file, which is read when it is called. */
import { Command, Help, Option } from 'commander'
import { LOG_LEVELS } from '../core/application.ts'
import type { RunDemo } from '../core/demo.ts'
import type { RunLocalSnowflake } from '../core/local-snowflake.ts'
import { assignment, milliseconds, portNumber, positive, whole } from './argument-values.ts'
import type { GlobalOptions, Invocation } from './command.ts'
import { showExamples } from './examples.ts'
import { addFileCheckCommands } from './file-check-commands.ts'
import { addFileLoadCommands } from './file-load-commands.ts'
import { addFileReportCommands } from './file-report-commands.ts'
import { addJobCommands } from './job-commands.ts'

export interface Program {
  readonly commander: Command
  globalOptions(): GlobalOptions
  /** Undefined where the line asked for help or the version only. */
  invocation(): Invocation | undefined
}

const HELP = new Help()

/** Parsing sets the invocation; nothing runs here. */
export function createProgram(version: string, runDemo: RunDemo, runLocalSnowflake: RunLocalSnowflake): Program {
  let chosen: Invocation | undefined
  const choose = (invocation: Invocation): void => {
    chosen = invocation
  }
  const program = new Command('simplyload')
    .description('PostgreSQL and files into Snowflake and DuckDB, live, exactly once, and verified.')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .option('-c, --config <file>', 'configuration file (default: simplyload.yaml, or simplyload.config.ts)')
    .option('--json', 'one JSON object per line on standard output', false)
    .option('--set <key=value>', 'override a setting: --set sync.interval=1s (repeatable)', assignment, [])
    .addOption(
      new Option('--log-level <level>', 'structured log on standard error; switches the live display off').choices(
        LOG_LEVELS,
      ),
    )
    .option('--no-color', 'no colours')
    .configureHelp({
      showGlobalOptions: true,
      // Without a switch it is off: nobody needs to read that.
      optionDescription: (option) => HELP.optionDescription(option).replace(/ \(default: (false|\[\])\)/, ''),
    })
    .helpCommand('help [command]', 'print help for a command')
    .showHelpAfterError('(simplyload --help lists commands and options)')
    .exitOverride()

  program
    .command('init')
    .description('ask a few questions, write simplyload.yaml and .env.example')
    .option('--source <name>', 'name of the source')
    .option('--url <url>', 'connection string, to look for tables; it is not written to a file')
    .option('--table <name...>', 'tables to copy; all where left out')
    .option('--destination <path>', 'DuckDB file')
    .option('--snowflake <account>', 'Snowflake account, in place of a DuckDB file')
    .option('--user <name>', 'Snowflake user')
    .option('--database <name>', 'Snowflake database')
    .option('--private-key <path>', "file of the Snowflake user's private key; .env.example names it")
    .option('--force', 'overwrite an existing file', false)
    .option('-y, --yes', 'ask nothing, take the defaults', false)
    .action((options) => choose(async (context) => (await import('./init.ts')).init(context, options)))
  program
    .command('validate')
    .description('check the configuration file alone')
    .action(() => choose(async (context) => (await import('./validate.ts')).validate(context)))
  program
    .command('doctor')
    .description('connect, and check every privilege, setting, slot and file')
    .option('--source <name>', 'only this source')
    .action((options) => choose(async (context) => (await import('./doctor.ts')).doctor(context, options)))
  program
    .command('discover')
    .description('show the tables of a source, their keys, sizes and types')
    .argument('[source]', 'only this source')
    .option('--yaml', 'print a tables section for simplyload.yaml', false)
    .option('--columns', 'show every column with its type on both sides', false)
    .action((source, options) =>
      choose(async (context) => (await import('./discover.ts')).discover(context, source, options)),
    )
  program
    .command('sync')
    .description('copy all tables, then follow their changes until stopped')
    .option('--once', 'stop at the position that was current at the start', false)
    .option('--source <name>', 'only this source')
    .option('--table <name...>', 'only these tables')
    .action((options) => choose(async (context) => (await import('./sync.ts')).sync(context, options)))
  program
    .command('status')
    .description('show the state, lag, counts and errors of every table')
    .option('--source <name>', 'only this source')
    .option('--table <name...>', 'only these tables')
    .action((options) => choose(async (context) => (await import('./status.ts')).status(context, options)))

  waiting(
    program
      .command('backfill')
      .description('read all or some rows of a table again while it goes on')
      .requiredOption('--table <name...>', 'of these tables')
      .option('--from <value>', 'only rows from this value on, itself included')
      .option('--to <value>', 'only rows up to this value, itself included')
      .option('--column <name>', 'the column of --from and --to; the first one of the key where left out'),
  ).action((options) => choose(async (context) => (await import('./table-control.ts')).backfill(context, options)))

  const table = program.command('table').description('change what a sync does with a table, also while it runs')
  for (const [kind, description] of [
    ['pause', 'keep a table as it is; its changes are staged until it is resumed'],
    ['resume', 'let a table go on that is paused, or that failed'],
    ['resync', 'read a table again whole; readers keep the old rows until it is complete'],
    ['merge', 'bring a table up to date now, whatever its freshness'],
  ] as const) {
    waiting(table.command(kind).description(description).argument('<table...>', 'namespace.name')).action(
      (tables, options) =>
        choose(async (context) => (await import('./table-control.ts')).control(context, tables, options, { kind })),
    )
  }

  waiting(
    table
      .command('add')
      .description('write tables into the configuration file, and copy them without stopping the others')
      .argument('<table...>', 'namespace.name'),
  ).action((tables, options) =>
    choose(async (context) => (await import('./table-control.ts')).addTables(context, tables, options)),
  )

  const checkpoint = program.command('checkpoint').description('how far the final tables are')
  checkpoint
    .command('list')
    .description('show the checkpoint of every table')
    .action(() => choose(async (context) => (await import('./checkpoint.ts')).listCheckpoints(context)))
  checkpoint
    .command('show')
    .description('show one checkpoint')
    .argument('<table>', 'namespace.name')
    .option('--source <name>', 'where several sources have the table')
    .action((table, options) =>
      choose(async (context) => (await import('./checkpoint.ts')).showCheckpoint(context, table, options)),
    )
  checkpoint
    .command('reset')
    .description('forget checkpoints: the tables are copied anew by the next sync')
    .option('--source <name>', 'only this source')
    .option('--table <name...>', 'only these tables')
    .option('-y, --yes', 'do not ask', false)
    .action((options) =>
      choose(async (context) => (await import('./checkpoint.ts')).resetCheckpoints(context, options)),
    )

  program
    .command('verify')
    .description('compare source and destination')
    .option('--deep', 'name up to 1,000 differing keys of a table, not 20', false)
    .option('--source <name>', 'only this source')
    .option('--table <name...>', 'only these tables')
    .action((options) => choose(async (context) => (await import('./verify.ts')).verify(context, options)))

  const quarantine = program.command('quarantine').description('values and rows that the destination cannot hold')
  quarantine
    .command('list')
    .description('count them by table, column and reason')
    .option('--source <name>', 'only this source')
    .option('--table <name...>', 'only these tables')
    .action((options) => choose(async (context) => (await import('./quarantine.ts')).listQuarantine(context, options)))
  quarantine
    .command('show')
    .description('show them one by one, newest first')
    .option('--source <name>', 'only this source')
    .option('--table <name...>', 'only these tables')
    .option('--limit <rows>', 'how many', positive, 100)
    .action((options) => choose(async (context) => (await import('./quarantine.ts')).showQuarantine(context, options)))

  quarantine
    .command('replay')
    .description('read rows again whose values could not be held, once the cause is mended')
    .option('--source <name>', 'only this source')
    .option('--table <name...>', 'only these tables')
    .option('--id <id...>', 'only these entries, as `quarantine show` lists them')
    .action((options) =>
      choose(async (context) => (await import('./quarantine.ts')).replayQuarantine(context, options)),
    )

  program
    .command('query')
    .description('run SQL on the destination and print the result')
    .argument('<sql>', 'one statement; it cannot change anything')
    .option('--limit <rows>', 'rows to print; 0 for all (default: 1000, with --json all)', whole)
    .action((sql, options) => choose(async (context) => (await import('./query.ts')).query(context, sql, options)))
  const snowflake = program.command('snowflake').description('what only a Snowflake destination has')
  snowflake
    .command('setup')
    .description('print the SQL that makes role, user, warehouse, database and grants, or apply it')
    .option('--apply', 'run it, as the user of --admin-user', false)
    .option('--admin-user <name>', 'who may be ACCOUNTADMIN; token or password: SNOWFLAKE_ADMIN_TOKEN, _PASSWORD')
    .option('--admin-role <name>', 'role to begin with', 'ACCOUNTADMIN')
    .option('--admin-key <file>', 'private key of that user; its passphrase: SNOWFLAKE_ADMIN_KEY_PASSPHRASE')
    .option('--aws-role-arn <arn>', 'AWS role through which Snowflake reads the bucket of an external stage')
    .action((options) => choose(async (context) => (await import('./snowflake.ts')).setup(context, options)))
  snowflake
    .command('local')
    .description('start a Snowflake of your own on this machine, and print the destination to use it')
    .option('--port <number>', 'where it listens on 127.0.0.1; 0 for any', portNumber, 8084)
    .option('--path <folder>', 'keep databases and stages there; else all is gone when it stops')
    .action((options) =>
      choose(async (context) => (await import('./snowflake-local.ts')).local(context, options, runLocalSnowflake)),
    )

  const cost = program
    .command('cost')
    .description('show what each table costs on Snowflake, and how much of the bill is idle time')
    .option('--days <number>', 'how far back', positive, 7)
    .action((options) => choose(async (context) => (await import('./cost.ts')).cost(context, options)))
  cost
    .command('estimate')
    .description('show what a day costs by the model, and what each freshness would cost')
    .option('--changes-per-day <number>', 'of each table, in place of what runs have shown', whole)
    .action((options) => choose(async (context) => (await import('./cost.ts')).estimate(context, options)))

  addJobCommands(program, choose)
  const files = program
    .command('files')
    .description('large files: what is in them, what is wrong with them, reports of it')
  addFileCheckCommands(files, choose)
  addFileLoadCommands(files, choose)
  addFileReportCommands(files, choose)

  program
    .command('cleanup')
    .description('remove stage files that are loaded and older than the retention')
    .action(() => choose(async (context) => (await import('./cleanup.ts')).cleanup(context)))
  program
    .command('demo')
    .description('the whole thing on this machine, in under a minute')
    .option('--folder <path>', 'where warehouse.duckdb is written', 'simplyload-demo')
    .action((options) => choose(async (context) => (await import('./demo.ts')).demo(context, options, runDemo)))

  showExamples(program)
  return { commander: program, globalOptions: () => program.opts<GlobalOptions>(), invocation: () => chosen }
}

/** What commands have in common that ask something of a sync. */
function waiting(command: Command): Command {
  return command
    .option('--source <name>', 'where several sources have the table')
    .option('--wait', 'wait until it is done, not only until it is taken up', false)
    .option('--timeout <duration>', 'wait no longer than this: 30s, 10m', milliseconds)
}
