/** Reports that are sent: received by a real SMTP server, and kept where there is none. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, expect, test } from 'vitest'
import type { CheckRun } from '../../src/core/file-check.ts'
import type { EmailSettings, SmtpServer } from '../../src/core/file-report.ts'
import { pendingReports, sendPending, sendReport } from '../../src/reports/outbox.ts'
import { makeCheckRun } from '../support/check-runs.ts'
import { allParts, headerText, readMime } from '../support/mime-reader.ts'
import { type Receiver, startReceiver } from '../support/smtp-receiver.ts'

const root = mkdtempSync(join(tmpdir(), 'simplyload-email-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const before = makeCheckRun({ seed: 2, rules: 30, run: 'before' })
const run = makeCheckRun({ seed: 3, rules: 30 })

test('an e-mail has a summary, the calendar as a picture in it, and the findings as CSV', async () => {
  await using receiver = await startReceiver()
  const folder = newFolder()
  const outcome = await sendReport(run, { before }, settings(receiver), folder)
  expect(outcome).toEqual({ run: run.run, sent: true, problem: undefined })
  expect(readdirSync(folder)).toEqual([])
  const [letter] = receiver.letters
  expect(letter).toMatchObject({ from: 'data@example.com', to: ['chief@example.com', 'team@example.com'] })
  const message = readMime(letter!.message)
  expect(headerText(message.headers.get('subject')!)).toBe('Failed: data/sales_2024-01.tsv.gz')
  const html = partOf(letter!.message, 'text/html').content!.toString()
  expect(html).toContain('by loader on etl-7')
  const picture = partOf(letter!.message, 'image/png')
  expect(html).toContain(`cid:${picture.headers.get('content-id')!.replace(/[<>]/g, '')}`)
  expect(picture.content!.subarray(1, 4).toString()).toBe('PNG')
  expect(picture.content!.readUInt32BE(16)).toBe(1184)
  expect(html).not.toMatch(/https?:\/\/(?!www\.w3\.org)/)
  expect(partOf(letter!.message, 'text/plain').content!.toString()).toContain('CRITICAL: ')
})

test('the CSV is read by other programs, with every finding in it and no formula', async () => {
  const hostile = withMessages(run, [
    '=cmd|calc!A1',
    '+1+1',
    '-2',
    '@SUM(A1)',
    '\t=1',
    ' =1',
    'a "quoted", text\nin two lines',
  ])
  await using receiver = await startReceiver()
  await sendReport(hostile, {}, settings(receiver), newFolder())
  const path = join(newFolder(), 'findings.csv')
  writeFileSync(path, partOf(receiver.letters[0]!.message, 'text/csv').content!)
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  const rows = await connection.runAndReadAll(
    `SELECT * FROM read_csv('${path}', header = true, all_varchar = true, quote = '"')`,
  )
  const findings = rows.getRowObjectsJson()
  const expected = [...hostile.files, ...hostile.sets]
    .flatMap(({ checks }) => checks)
    .filter(({ outcome }) => outcome !== 'pass')
  expect(findings).toHaveLength(expected.length)
  const cells = findings.flatMap((row) => Object.values(row)).filter((cell) => typeof cell === 'string')
  expect(cells.filter((cell) => /^\s*[=+\-@]/.test(cell))).toEqual([])
  expect(cells).toContain("'=cmd|calc!A1")
  expect(cells).toContain('a "quoted", text\nin two lines')
})

test('what files hold is text in an e-mail too', async () => {
  const name = '<script>x</script>\r\nBcc: thief@example.com\u202e'
  const mark = { marked: '<b>strike</b>' }
  const hostile = {
    ...run,
    files: run.files.map((file) => ({
      ...file,
      file: name,
      reasons: [name],
      days: file.days.map((day, at) => ({ ...day, ...(at === 0 ? mark : {}) })),
    })),
  }
  await using receiver = await startReceiver()
  await sendReport(withMessages(hostile, ['<img src=x onerror=hit()>']), {}, settings(receiver), newFolder())
  const [letter] = receiver.letters
  expect(letter!.to).toEqual(['chief@example.com', 'team@example.com'])
  const html = partOf(letter!.message, 'text/html').content!.toString()
  expect(html).not.toMatch(/<script|<img src=x/)
  expect(html).toContain('&lt;img src=x onerror=hit()&gt;')
  const told = `${run.files[0]!.days[0]!.day} is marked as expected: `
  expect(html).toContain(`${told}&lt;b&gt;strike&lt;/b&gt;`)
  expect(partOf(letter!.message, 'text/plain').content!.toString()).toContain(`${told}<b>strike</b>`)
  expect(readMime(letter!.message).headers.has('bcc')).toBe(false)
})

test('the whole report comes with it where that is wanted', async () => {
  await using receiver = await startReceiver()
  await sendReport(run, {}, { ...settings(receiver), attach: ['html', 'pdf'] }, newFolder())
  const parts = allParts(readMime(receiver.letters[0]!.message))
  const attached = parts.flatMap(
    ({ headers }) => /filename="?([^";]+)/.exec(headers.get('content-disposition') ?? '')?.[1] ?? [],
  )
  expect(attached.sort()).toEqual(
    ['calendar.png', `findings-${run.run}.csv`, `report-${run.run}.html`, `report-${run.run}.pdf`].sort(),
  )
  expect(partOf(receiver.letters[0]!.message, 'application/pdf').content!.subarray(0, 5).toString()).toBe('%PDF-')
})

test('a server that is down keeps nothing from being sent later', async () => {
  const folder = newFolder()
  const gone = await startReceiver()
  await gone[Symbol.asyncDispose]()
  const outcome = await sendReport(run, {}, settings(gone), folder)
  expect(outcome).toMatchObject({ sent: false, problem: expect.stringContaining('ECONNREFUSED') })
  expect(await pendingReports(folder)).toMatchObject([{ run: run.run, attempts: 1 }])

  await using receiver = await startReceiver()
  const read = async (name: string) => (name === run.run ? { run, context: {} } : undefined)
  expect(await sendPending(read, settings(receiver), folder)).toEqual([
    { run: run.run, sent: true, problem: undefined },
  ])
  expect(receiver.letters).toHaveLength(1)
  expect(await pendingReports(folder)).toEqual([])
  expect(await sendPending(read, settings(receiver), folder)).toEqual([])
})

test('a password is shown to the server alone', async () => {
  const folder = newFolder()
  await using receiver = await startReceiver({ user: 'me', password: 'right' })
  const wrong = { ...settings(receiver), smtp: { ...settings(receiver).smtp, user: 'me', password: 'hush-hush' } }
  const outcome = await sendReport(run, {}, wrong, folder)
  expect(outcome.problem).toContain('<redacted>')
  expect(outcome.problem).not.toContain('hush-hush')
  expect(readFileSync(join(folder, readdirSync(folder)[0]!), 'utf8')).not.toContain('hush-hush')
  const right = { ...wrong, smtp: { ...wrong.smtp, password: 'right' } }
  expect(await sendReport(run, {}, right, folder)).toMatchObject({ sent: true })
})

test('a server without TLS gets nothing that TLS was wanted for', async () => {
  await using receiver = await startReceiver()
  const outcome = await sendReport(run, {}, settings(receiver, { tls: 'starttls' }), newFolder())
  expect(outcome.sent).toBe(false)
  expect(receiver.letters).toEqual([])
})

function newFolder(): string {
  return mkdtempSync(join(root, 'results-'))
}

function settings({ port }: Receiver, smtp: Partial<SmtpServer> = {}): EmailSettings {
  return {
    smtp: { host: '127.0.0.1', port, tls: 'none', user: undefined, password: undefined, ...smtp },
    from: 'Data <data@example.com>',
    to: ['chief@example.com', 'team@example.com'],
    attach: [],
  }
}

function partOf(message: Buffer, type: string) {
  const found = allParts(readMime(message)).find((part) => part.type === type)
  if (found === undefined) throw new Error(`the letter has no ${type}`)
  return found
}

function withMessages(made: CheckRun, messages: readonly string[]): CheckRun {
  return {
    ...made,
    files: made.files.map((file) => ({
      ...file,
      checks: file.checks.map((check, place) => ({
        ...check,
        outcome: 'fail' as const,
        message: messages[place % messages.length]!,
      })),
    })),
  }
}
