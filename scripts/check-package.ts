/**
 * Packs the package, installs the archive into the example project as a user would, and runs it: the command line, the
 * demo, and the library, whose types are checked; with this Node, and as an old Node would see it.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import pg from 'pg'
import { startPostgres } from '../src/demo/embedded-postgres.ts'
import { storedText } from '../src/quality/checks/stored-result.ts'
import { makeCheckRun } from '../test/support/check-runs.ts'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
const folder = mkdtempSync(join(tmpdir(), 'simplyload-package-'))
try {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { stdio: ['ignore', 'ignore', 'inherit'] })
  cpSync('examples/library', folder, { recursive: true })
  const archive = `./simplyload-${version}.tgz`
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline', archive], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  expect('npx simplyload --version', run('npx', ['--no-install', 'simplyload', '--version']), 0, version)
  expect('an unknown command', run('npx', ['--no-install', 'simplyload', 'snyc']), 2, 'sync')
  const demo = run('npx', ['--no-install', 'simplyload', 'demo', '--json'])
  expect('npx simplyload demo', demo, 0, '"verified":true')
  await checkExample()
  checkReport()
  const old = 'data:text/javascript,Object.defineProperty(process, "versions", { value: { node: "20.11.1" } })'
  const entry = join('node_modules', 'simplyload', 'bin', 'simplyload.js')
  expect(
    'on Node 20',
    run('node', ['--import', old, entry, '--version']),
    2,
    'needs Node.js 24 or newer; this is 20.11.1',
  )
  console.log(`simplyload ${version} packs, installs and runs`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** The library, from its archive: types, the configuration in TypeScript, and a sync. */
async function checkExample(): Promise<void> {
  const types = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--module', 'nodenext', '--target', 'es2024']
  const more = ['--allowImportingTsExtensions', '--types', 'node', '--typeRoots', resolve('node_modules/@types')]
  const compiler = resolve('node_modules/typescript/bin/tsc')
  expect('types of the library', run('node', [compiler, ...types, ...more, 'follow.ts', 'simplyload.config.ts']), 0, '')
  await using server = await startPostgres()
  const environment = { ...process.env, SHOP_DATABASE_URL: server.url }
  const validated = run('npx', ['--no-install', 'simplyload', 'validate'], environment)
  expect('validate', validated, 0, 'simplyload.config.ts is valid')
  await createShop(server.url)
  expect('the example', run('node', ['follow.ts', '--once'], environment), 0, 'Both sides are equal')
}

/** What a report is made of beside the program: the page's script and style, the font, the library that draws. */
function checkReport(): void {
  const result = makeCheckRun()
  mkdirSync(join(folder, '.simplyload/files'), { recursive: true })
  writeFileSync(join(folder, `.simplyload/files/${result.run}.json`), storedText(result))
  const report = ['--no-install', 'simplyload', 'files', 'report', '--html', 'report.html', '--pdf', 'report.pdf']
  expect(
    'a report',
    run('npx', report, { ...process.env, SHOP_DATABASE_URL: 'postgres://me:me@localhost/shop' }),
    0,
    result.run,
  )
  const page = readFileSync(join(folder, 'report.html'), 'utf8')
  if (!page.includes('DecompressionStream') || !page.includes('--critical'))
    throw new Error('the report has no script or style')
}

async function createShop(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1), (2);
    CREATE TABLE customers (id int PRIMARY KEY, email text, phone text, is_test bool); INSERT INTO customers VALUES (1, 'a', 'b')`)
  await client.end()
}

function run(
  command: string,
  parameters: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(command, parameters, { cwd: folder, encoding: 'utf8', env })
  return { status, output: stdout + stderr }
}

function expect(what: string, result: { status: number | null; output: string }, status: number, text: string): void {
  if (result.status === status && result.output.includes(text)) return
  throw new Error(`${what}: expected exit ${status} and "${text}", got exit ${result.status} and:\n${result.output}`)
}
