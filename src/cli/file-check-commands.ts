/** The `files` commands that look at files: their arguments and help. */
import { type Command, Option } from 'commander'
import { BAD_ROWS_FORMATS, ON_BAD_ROWS } from '../core/file-commands.ts'
import { checkMemory } from './argument-values.ts'
import type { Choose } from './command.ts'

/** `files`: the group that they belong to. */
export function addFileCheckCommands(files: Command, choose: Choose): void {
  files
    .command('check')
    .description('read files once, and say whether they are what the configuration says')
    .argument('[paths...]', 'files, folders, patterns or names of tables; every file of every table where left out')
    .option('--explain', 'show how often each file would be read, and what for, and read nothing', false)
    .option('--suggest', 'say which table takes each file, and propose one where none does', false)
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
    .option('--checksum', 'take the SHA-256 of each file, for the audit', false)
    .option('--memory <size>', 'of the whole process (default: 4GiB, or half of the machine)', checkMemory)
    .option('--background', 'as a job, which outlives this terminal', false)
    .action((paths, options) =>
      choose(async (context) => {
        if (options.suggest) return (await import('./file-suggest.ts')).filesSuggest(context, paths)
        return options.background
          ? (await import('./jobs.ts')).startInBackground(context, options)
          : (await import('./files.ts')).filesCheck(context, paths, options)
      }),
    )
  files
    .command('results')
    .description('list the results that are kept, the newest first')
    .action(() => choose(async (context) => (await import('./files.ts')).filesResults(context)))
}
