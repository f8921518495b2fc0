/** `files report` and `files compare` of results that are kept, with the real application. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openApplication } from '../../src/app/open-application.ts'
import type { CheckRun } from '../../src/core/file-check.ts'
import { storedText } from '../../src/quality/checks/stored-result.ts'
import { makeCheckRun } from '../support/check-runs.ts'
import { runCli } from '../support/command-line.ts'
import { startReceiver } from '../support/smtp-receiver.ts'

const root = mkdtempSync(join(tmpdir(), 'simplyload-reports-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const april = makeCheckRun({ seed: 2, run: '20240402T063000Z-aaaa', startedMs: Date.UTC(2024, 3, 2, 6, 30) })
const may = makeCheckRun({ seed: 3, run: '20240502T063000Z-bbbb' })
const other = { ...makeCheckRun({ seed: 4, run: '20240501T000000Z-cccc' }), files: [] }

test('a report is made of the latest result and put beside the run before of the same set', async () => {
  const folder = newFolder(may, april, other)
  const [html, pdf] = [join(folder, 'out/report.html'), join(folder, 'report.pdf')]
  const { exitCode, stdout } = await run(folder, ['files', 'report', '--html', html, '--pdf', pdf])
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/^Failed \(20240502T063000Z-bbbb\)\n {2}\S/)
  expect(stdout).toContain(`${html}  `)
  expect(readFileSync(pdf).subarray(0, 5).toString()).toBe('%PDF-')
  const page = await import('node:zlib').then(({ gunzipSync }) =>
    JSON.parse(
      gunzipSync(Buffer.from(/id="data">([^<]*)</.exec(readFileSync(html, 'utf8'))![1]!, 'base64')).toString(),
    ),
  )
  expect(page.trend.map((point: { run: string }) => point.run)).toEqual([april.run, may.run])
  expect(page.comparison.older.run).toBe(april.run)
})

test('without a result, and for a run that there is not, it says what to do', async () => {
  const empty = await run(newFolder(), ['files', 'report'])
  expect(empty).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('simplyload files check') })
  const missing = await run(newFolder(may), ['files', 'report', 'other'])
  expect(missing).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('simplyload files results') })
})

test('two results are compared, in text and as JSON lines', async () => {
  const folder = newFolder(april, may)
  const html = join(folder, 'difference.html')
  const text = await run(folder, ['files', 'compare', april.run, 'latest', '--html', html])
  expect(text.exitCode).toBe(0)
  expect(text.stdout).toMatch(/^FILE +CHANGE/)
  expect(text.stderr).toMatch(/\d+ findings? appeared, \d+ gone, \d+ changed\.\n$/)
  expect(existsSync(html)).toBe(true)
  const lines = (await run(folder, ['--json', 'files', 'compare', april.run, may.run])).events()
  expect(new Set(lines.map(({ event }) => event))).toEqual(new Set(['file', 'finding', 'day', 'end']))
  expect(lines.at(-1)).toMatchObject({ outcome: 'ok', older: april.run, newer: may.run })
})

test('an e-mail that cannot be sent waits, and goes with the next one', async () => {
  const receiver = await startReceiver()
  const { port } = receiver
  await receiver[Symbol.asyncDispose]()
  const folder = newFolder(april, may)
  const smtp = `reports:\n  smtp: { host: 127.0.0.1, port: ${port}, tls: none }\n  from: a@example.com\n  to: [b@example.com]\n`
  const failed = await run(folder, ['files', 'report', april.run, '--email'], smtp)
  expect(failed).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('--send-pending') })
  expect(failed.stdout).toContain('Failed')

  await using again = await startReceiver({ port })
  const sent = await run(folder, ['files', 'report', '--email'], smtp)
  expect(sent).toMatchObject({ exitCode: 0, stderr: '2 reports sent.\n' })
  expect(again.letters).toHaveLength(2)
  const nothing = await run(folder, ['files', 'report', '--send-pending'], smtp)
  expect(nothing).toMatchObject({ exitCode: 0, stderr: 'No report waits to be sent.\n' })
})

test('without a server in the configuration nothing is queued', async () => {
  const folder = newFolder(may)
  const { exitCode, stderr } = await run(folder, ['files', 'report', '--email'])
  expect(exitCode).toBe(2)
  expect(stderr).toContain('reports.smtp')
  expect((await run(folder, ['files', 'report', '--send-pending'])).stderr).toBe('No report waits to be sent.\n')
})

function newFolder(...runs: readonly CheckRun[]): string {
  const folder = mkdtempSync(join(root, 'project-'))
  mkdirSync(join(folder, '.simplyload/files'), { recursive: true })
  for (const made of runs) writeFileSync(join(folder, `.simplyload/files/${made.run}.json`), storedText(made))
  return folder
}

async function run(folder: string, argv: readonly string[], more = '') {
  const file = join(folder, 'simplyload.yaml')
  const source = 'sources: { shop: { type: postgres, url: "postgres://me:me@localhost/shop", tables: [public.a] } }'
  writeFileSync(file, `version: 1\n${source}\ndestination: { type: duckdb, path: warehouse.duckdb }\n${more}`)
  const application = await openApplication({ configFile: file, environment: {}, settings: [], logLevel: 'silent' })
  // A class whose methods are on its prototype: handed on one by one.
  return runCli(argv, { application: { fileReports: () => application.fileReports() } })
}
