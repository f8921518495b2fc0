import { compact, count, duration } from '../core/quantity.ts'
import type { CostReport } from '../core/warehouse-cost.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'

export async function cost(context: CommandContext, options: { readonly days: number }): Promise<CommandEnd> {
  const { output, signal } = context
  const report = await (await context.open()).cost({ days: options.days }, signal)
  const { tables, perDay, ...rest } = report
  for (const table of tables) output.event({ event: 'table', ...table })
  for (const day of perDay) output.event({ event: 'day', ...day })
  output.table(
    [
      { title: 'TABLE', flexible: true },
      ...['STATEMENTS', 'ROWS', 'CREDITS', 'MONEY', 'PER 1M ROWS'].map((title) => ({ title, align: 'right' as const })),
    ],
    tables.map(({ table, statements, rows, credits }) => [
      table === '' ? '(ours, no table)' : table,
      count(statements),
      count(rows),
      creditText(credits),
      moneyText(credits, report),
      rows === 0 ? '' : moneyText((credits / rows) * 1e6, report),
    ]),
  )
  output.answer()
  output.table(
    [
      { title: 'DAY' },
      ...['BILLED', 'OURS', 'OTHERS', 'IDLE', 'CLOUD SERVICES', 'MONEY'].map((title) => ({
        title,
        align: 'right' as const,
      })),
    ],
    perDay.map((day) => [
      day.day,
      creditText(day.creditsMetered),
      creditText(day.credits),
      creditText(day.creditsOfOthers),
      percent(idleShare(day)),
      creditText(day.creditsCloudServices),
      moneyText(day.creditsMetered, report),
    ]),
  )
  const totals = summed(report)
  output.note(
    `In ${report.days} days ${creditText(totals.metered)} credits were billed: ${moneyText(totals.metered, report)}, at ${report.creditPrice} per credit.`,
  )
  output.note(age(report))
  return done({ ...rest, creditsMetered: totals.metered, credits: totals.ours, idleShare: totals.idleShare })
}

export async function estimate(
  context: CommandContext,
  options: { readonly changesPerDay?: number },
): Promise<CommandEnd> {
  const { output, signal } = context
  const report = await (await context.open()).estimateCost({ changesPerDay: options.changesPerDay }, signal)
  for (const table of report.tables) output.event({ event: 'table', ...table })
  for (const row of report.freshness) output.event({ event: 'freshness', ...row })
  output.table(
    [
      { title: 'TABLE', flexible: true },
      ...['FRESHNESS', 'CHANGES A DAY', 'MERGES A DAY', 'CREDITS A DAY', 'MONEY A DAY'].map((title) => ({
        title,
        align: 'right' as const,
      })),
    ],
    report.tables.map((table) => [
      table.table,
      duration(table.freshnessMs),
      `${compact(table.changesPerDay)}${table.isMeasured ? '' : '?'}`,
      compact(table.mergesPerDay),
      creditText(table.creditsPerDay),
      moneyText(table.creditsPerDay, report),
    ]),
  )
  output.answer()
  output.table(
    [
      { title: 'ALL TABLES AT' },
      ...['WAKE-UPS A DAY', 'BUSY', 'IDLE', 'CREDITS A DAY', 'MONEY A MONTH'].map((title) => ({
        title,
        align: 'right' as const,
      })),
    ],
    [{ ...report.configured, freshnessMs: undefined }, ...report.freshness].map((day) => [
      day.freshnessMs === undefined ? 'as configured' : duration(day.freshnessMs),
      compact(day.wakeUps),
      duration(day.busySeconds * 1000),
      percent(day.idleShare),
      creditText(day.credits),
      moneyText(day.credits * DAYS_PER_MONTH, report),
    ]),
  )
  output.note('A model, not a bill: an XSMALL warehouse of its own; docs/guides/cost.md says how it is computed.')
  if (report.tables.some((table) => !table.isMeasured))
    output.note('? Nothing was measured yet: name the changes per table with --changes-per-day.')
  return done({ ...report.configured, creditPrice: report.creditPrice })
}

const DAYS_PER_MONTH = 30.4

function idleShare(day: CostReport['perDay'][number]): number {
  const used = day.credits + day.creditsOfOthers
  return day.creditsMetered === 0 ? 0 : Math.max(0, 1 - used / day.creditsMetered)
}

function summed({ perDay }: CostReport): {
  readonly metered: number
  readonly ours: number
  readonly idleShare: number
} {
  const sum = (key: 'creditsMetered' | 'credits' | 'creditsOfOthers') =>
    perDay.reduce((total, day) => total + day[key], 0)
  const metered = sum('creditsMetered')
  const used = sum('credits') + sum('creditsOfOthers')
  return { metered, ours: sum('credits'), idleShare: metered === 0 ? 0 : Math.max(0, 1 - used / metered) }
}

function age({ attributedUntil, meteredUntil, latencyHours }: CostReport): string {
  const late = `Snowflake tells them up to ${latencyHours} h late`
  if (attributedUntil === undefined) return `Nothing of ours is in the account usage yet; ${late}.`
  return `Statements up to ${attributedUntil} UTC, the bill up to ${meteredUntil ?? 'nothing yet'}; ${late}.`
}

function creditText(credits: number): string {
  return credits.toFixed(credits >= 100 ? 0 : credits >= 1 ? 2 : 4)
}

function moneyText(credits: number, { creditPrice }: { readonly creditPrice: number }): string {
  const money = credits * creditPrice
  return money.toFixed(money >= 1000 ? 0 : money >= 0.1 || money === 0 ? 2 : 4)
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`
}
