/** The `files` commands about results: their arguments and help. */
import type { Command } from 'commander'
import type { Choose } from './command.ts'

/** `files`: the group that they belong to. */
export function addFileReportCommands(files: Command, choose: Choose): void {
  files
    .command('report')
    .description('make a report of a result: a page for browsers, a PDF, an e-mail')
    .argument('[run]', 'name of a result, as `files results` lists it', 'latest')
    .option('--html <path>', 'write the page here (default: report-<run>.html, unless --pdf or --email is given)')
    .option('--pdf <path>', 'write the PDF here')
    .option('--email', 'send it to those whom `reports` of the configuration names', false)
    .option('--open', 'open the page in a browser', false)
    .option('--send-pending', 'make no report; send those that could not be sent before', false)
    .action((run, options) =>
      choose(async (context) => (await import('./file-report.ts')).fileReport(context, run, options)),
    )
  files
    .command('compare')
    .description('say what differs between two results: findings, files, days')
    .argument('<older>', 'name of a result, as `files results` lists it')
    .argument('<newer>', 'the same, or latest')
    .option('--html <path>', 'write a page of the newer one, with the differences in it, here')
    .action((older, newer, options) =>
      choose(async (context) => (await import('./file-compare.ts')).fileCompare(context, older, newer, options)),
    )
}
