/** The `jobs` commands, their arguments and help. */
import type { Command } from 'commander'
import { milliseconds, positive, size } from './argument-values.ts'
import type { Choose } from './command.ts'

export function addJobCommands(program: Command, choose: Choose): void {
  const jobs = program.command('jobs').description('long commands in the background, in processes of their own')
  jobs
    .command('start')
    .description('start a command that outlives this terminal: jobs start -- files load')
    .argument('<command...>', 'as it would be typed, after --')
    .option('--memory <size>', 'of the whole process; beyond it the job is ended (default: from sync.memory)', size)
    .action((command, options) =>
      choose(async (context) => (await import('./jobs.ts')).start(context, command, options)),
    )
  jobs
    .command('list')
    .description('show jobs, how far they are and how they ended, the newest first')
    .option('--limit <jobs>', 'how many', positive, 20)
    .action((options) => choose(async (context) => (await import('./jobs.ts')).list(context, options)))
  jobs
    .command('show')
    .description('show one job, and the end of its output')
    .argument('<id>', 'as `jobs list` shows it')
    .action((id) => choose(async (context) => (await import('./jobs.ts')).show(context, id)))
  jobs
    .command('follow')
    .description('print the output of a job until it ends, with its exit code; Ctrl-C leaves the job alone')
    .argument('<id>', 'as `jobs list` shows it')
    .action((id) => choose(async (context) => (await import('./jobs.ts')).follow(context, id)))
  jobs
    .command('logs')
    .description('print the output of a job so far')
    .argument('<id>', 'as `jobs list` shows it')
    .action((id) => choose(async (context) => (await import('./jobs.ts')).logs(context, id)))
  jobs
    .command('cancel')
    .description('let a job finish what is in hand, and end it; what was committed stays')
    .argument('<id>', 'as `jobs list` shows it')
    .option('--grace <duration>', 'how long it may take; then it is killed', milliseconds, 30_000)
    .action((id, options) => choose(async (context) => (await import('./jobs.ts')).cancel(context, id, options)))
  jobs
    .command('retry')
    .description('start the command of a job that has ended once more; it goes on where that one was')
    .argument('<id>', 'as `jobs list` shows it')
    .option('--memory <size>', 'in place of what it had', size)
    .action((id, options) => choose(async (context) => (await import('./jobs.ts')).retry(context, id, options)))
  jobs
    .command('keep', { hidden: true })
    .argument('<id>')
    .action((id) => choose(async (context) => (await import('./jobs.ts')).keep(context, id)))
}
