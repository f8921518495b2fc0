/**
 * Packs the package, installs the archive into an empty project as a user would, and runs it: with this Node, and as an
 * old Node would see it.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
const folder = mkdtempSync(join(tmpdir(), 'simplyload-package-'))
try {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { stdio: ['ignore', 'ignore', 'inherit'] })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const archive = `./simplyload-${version}.tgz`
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline', archive], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  expect('npx simplyload --version', run('npx', ['--no-install', 'simplyload', '--version']), 0, version)
  expect('an unknown command', run('npx', ['--no-install', 'simplyload', 'snyc']), 2, 'sync')
  const demo = run('npx', ['--no-install', 'simplyload', 'demo', '--json'])
  expect('npx simplyload demo', demo, 0, '"verified":true')
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

function run(command: string, parameters: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(command, parameters, { cwd: folder, encoding: 'utf8' })
  return { status, output: stdout + stderr }
}

function expect(what: string, result: { status: number | null; output: string }, status: number, text: string): void {
  if (result.status === status && result.output.includes(text)) return
  throw new Error(`${what}: expected exit ${status} and "${text}", got exit ${result.status} and:\n${result.output}`)
}
