/** The `files` commands about results: their arguments and help. */
import type { Command } from 'commander'
import type { Choose } from './command.ts'

/** `files`: the group that they belong to. */
export function addFileReportCommands(files: Command, choose: Choose): void {
  files
    .command('report')
    .description('make a report of a result: a page for browsers, a PDF, an e-mail')
    .argument('[run]', 'as `files results` shows it', 'latest')
    .option('--html <path>', 'page that needs no network (default: report-<run>.html, where nothing else is asked for)')
    .option('--pdf <path>', 'the same to be filed')
    .option('--email', 'send it to whom `reports` in the configuration says', false)
    .option('--open', 'show the page in a browser', false)
    .option('--send-pending', 'send what could not be sent before, and make no report', false)
    .action((run, options) =>
      choose(async (context) => (await import('./file-report.ts')).fileReport(context, run, options)),
    )
  files
    .command('compare')
    .description('say what differs between two results: findings, files, days')
    .argument('<older>', 'as `files results` shows it')
    .argument('<newer>', 'as `files results` shows it, or latest')
    .option('--html <path>', 'a page of the newer one with the differences in it')
    .action((older, newer, options) =>
      choose(async (context) => (await import('./file-compare.ts')).fileCompare(context, older, newer, options)),
    )
}
