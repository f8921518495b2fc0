/** `files check` and `files results`: what was read, and what is to be said of it. */
import type { CheckRun, FileResult } from '../core/file-check.ts'
import type { BadRowsFormat, FileCheckRequest, FilePlan, OnBadRows } from '../core/file-commands.ts'
import { bytes, count, counted } from '../core/quantity.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'
import { showFiles } from './display/show-files.ts'
import { EXIT } from './exit-code.ts'
import { checkEvent, printRun } from './file-verdict.ts'
import { sendWaiting } from './send-waiting.ts'
import { printable, wrap } from './terminal-text.ts'

export interface CheckOptions {
  readonly explain: boolean
  readonly onBadRows: OnBadRows
  readonly badRowsFormat?: BadRowsFormat
  readonly checksum: boolean
  readonly memory?: number
}

export async function filesCheck(
  context: CommandContext,
  paths: readonly string[],
  { explain, onBadRows, badRowsFormat, checksum, memory }: CheckOptions,
): Promise<CommandEnd> {
  const application = await context.open()
  const files = application.files()
  const command = ['files check', ...paths, ...(onBadRows === 'quarantine' ? ['--on-bad-rows quarantine'] : [])].join(
    ' ',
  )
  const request: FileCheckRequest = { paths, onBadRows, badRowsFormat, checksum, memoryBytes: memory, command }
  if (explain) return printPlan(context, await files.plan(request, context.signal))
  let run: CheckRun
  {
    // Gone before anything else is printed, also before an error.
    using progress = showFiles(context)
    run = await files.check(request, progress.listener, context.signal)
  }
  for (const result of run.files) context.output.event(fileEvent(result))
  for (const set of run.sets) {
    context.output.event({
      event: 'set',
      set: set.set,
      missingPeriods: set.missingPeriods,
      checks: set.checks.map(checkEvent),
    })
  }
  printRun(context, run)
  await sendWaiting(context, application.fileReports())
  const failed = run.files.filter(({ verdict }) => verdict === 'fail').length
  const fields = { run: run.run, verdict: run.verdict, files: run.files.length, failed }
  return run.verdict === 'fail'
    ? { outcome: 'different', exitCode: EXIT.different, fields }
    : { outcome: 'ok', exitCode: EXIT.ok, fields }
}

function fileEvent(result: FileResult): Readonly<Record<string, unknown>> {
  const { file, set, period, verdict, reasons, coverage, badRows, checksum, durationMs, checks } = result
  return {
    event: 'file',
    file,
    set,
    period,
    verdict,
    reasons,
    coverage,
    badRows,
    checksum,
    durationMs,
    checks: checks.map(checkEvent),
  }
}

export async function filesResults({ open, output, signal }: CommandContext): Promise<CommandEnd> {
  const results = await (await open()).files().results(signal)
  for (const result of results) output.event({ event: 'result', ...result })
  output.table(
    [
      { title: 'RUN' },
      { title: 'WHEN' },
      { title: 'VERDICT' },
      { title: 'FILES', align: 'right' },
      { title: 'COMMAND', flexible: true },
    ],
    results.map(({ run, startedMs, verdict, files, command }) => [
      run,
      new Date(startedMs).toISOString().slice(0, 16).replace('T', ' '),
      verdict,
      count(files),
      command,
    ]),
  )
  return done({ results: results.length })
}

function printPlan({ output, stdout }: CommandContext, plans: readonly FilePlan[]): CommandEnd {
  const { colors } = output
  const width = Math.min(stdout.columns ?? 100, 100)
  for (const plan of plans) {
    output.event({ event: 'plan', ...plan })
    const facts = [plan.set, plan.period, bytes(plan.bytes)].filter((fact) => fact !== undefined).join(', ')
    output.answer(`${colors.bold(printable(plan.file))}  ${printable(facts)}`)
    for (const [index, pass] of plan.passes.entries()) {
      const when = pass.when === undefined ? '' : `, ${pass.when}`
      output.answer(`  ${index + 1}. ${colors.cyan(printable(pass.name))}: reads ${bytes(pass.bytes)}${when}`)
      for (const line of wrap(printable(pass.what), width - 5)) output.answer(`     ${line}`)
      if (pass.asks.length > 0) {
        for (const line of wrap(`asks ${printable(pass.asks.join(', '))}`, width - 5))
          output.answer(colors.dim(`     ${line}`))
      }
      for (const line of pass.sql?.split('\n') ?? []) output.answer(colors.dim(`     │ ${printable(line)}`))
    }
    output.answer()
  }
  const read = plans.flatMap(({ passes }) => passes).filter(({ when }) => when !== 'where something fails')
  const total = read.reduce((sum, pass) => sum + pass.bytes, 0)
  output.answer(`${counted(plans.length, 'file')}, ${bytes(total)} to read.`)
  return done({ files: plans.length, bytes: total })
}
