/** The `files` commands about loading: their arguments and help. */
import { type Command, Option } from 'commander'
import { BAD_ROWS_FORMATS, ON_BAD_ROWS } from '../core/file-commands.ts'
import { checkMemory } from './argument-values.ts'
import type { Choose } from './command.ts'

/** `files`: the group that they belong to. */
export function addFileLoadCommands(files: Command, choose: Choose): void {
  files
    .command('load')
    .description('check files, and load what passes; a run that was stopped goes on where it was')
    .argument('[paths...]', 'files, folders, patterns or names of tables; every file of every table where left out')
    .option('--again', 'also files that were loaded: they replace their period, or are merged', false)
    .addOption(
      new Option('--on-bad-rows <what>', 'rows that cannot be read: fail the file, or are kept apart')
        .choices(ON_BAD_ROWS)
        .default('fail'),
    )
    .addOption(
      new Option('--bad-rows-format <format>', 'what they are kept as (default: as configured, else tsv)').choices(
        BAD_ROWS_FORMATS,
      ),
    )
    .option('--no-checksum', 'do not take the checksum of each file')
    .option(
      '--memory <size>',
      'of the whole process while it checks (default: 4GiB, or half of the machine)',
      checkMemory,
    )
    .option('--background', 'as a job, which outlives this terminal', false)
    .action((paths, options) =>
      choose(async (context) =>
        options.background
          ? (await import('./jobs.ts')).startInBackground(context, options)
          : (await import('./file-load.ts')).fileLoad(context, paths, options),
      ),
    )
  files
    .command('delete')
    .description('remove the rows of a period from the destination, after showing how many there are')
    .requiredOption('--period <period>', '2024, 2024-Q1, 2024-03 or 2024-03-05')
    .option('--table <name...>', 'only these tables; all with a date column where left out')
    .option('--source <name>', 'only tables of this source')
    .option('-y, --yes', 'do not ask', false)
    .action((options) => choose(async (context) => (await import('./file-delete.ts')).fileDelete(context, options)))
  files
    .command('status')
    .description('show which files and periods are loaded, in progress, failed or changed')
    .argument('[tables...]', 'only these tables; all where left out')
    .option('--source <name>', 'only tables of this source')
    .action((tables, options) =>
      choose(async (context) => (await import('./file-status.ts')).fileStatus(context, tables, options)),
    )
}
