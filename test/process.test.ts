/** The command line as a process. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

function run(...parameters: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, parameters, { encoding: 'utf8' })
  return { status, stdout, stderr }
}

test('the version is that of the package', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  expect(run('src/bin.ts', '--version')).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' })
})

test('a usage error ends the process with 2 and words on standard error', () => {
  const result = run('src/bin.ts', 'snyc')
  expect(result).toMatchObject({ status: 2, stdout: '' })
  expect(result.stderr).toContain('Did you mean sync?')
})

test('a Node that is too old is told so in one sentence', () => {
  const old = 'data:text/javascript,Object.defineProperty(process, "versions", { value: { node: "22.9.0" } })'
  expect(run('--import', old, 'bin/simplyload.js', 'sync')).toEqual({
    status: 2,
    stdout: '',
    stderr: 'simplyload needs Node.js 24 or newer; this is 22.9.0.\n',
  })
})

test('a configuration that is not there says how to get one', () => {
  const result = run('src/bin.ts', 'validate', '--config', '/nowhere/simplyload.yaml', '--json')
  expect(result.status).toBe(2)
  expect(JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ event: 'end', outcome: 'failed' })
  expect(result.stderr).toContain('simplyload init')
})

test('a folder with files alone gets a first configuration, which is valid', () => {
  const folder = mkdtempSync(join(tmpdir(), 'simplyload-process-'))
  try {
    const inFolder = (...words: readonly string[]) =>
      spawnSync(process.execPath, [resolve('src/bin.ts'), ...words], { cwd: folder, encoding: 'utf8' })
    writeFileSync(join(folder, '2024-03.tsv'), 'id\tday\n1\t2024-03-01\n')
    // As a shell does it that is to write there.
    writeFileSync(join(folder, 'simplyload.yaml'), '')
    const { status, stdout, stderr } = inFolder('files', 'check', '--suggest', '2024-03.tsv')
    expect([status, stderr]).toEqual([0, expect.stringContaining('There is no configuration here')])
    writeFileSync(join(folder, 'simplyload.yaml'), stdout)
    expect(inFolder('files', 'check').stdout).toContain('✓ 2024-03.tsv  incoming.files.files  2024-03')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a configuration in TypeScript is found, and two configurations are one too many', () => {
  const folder = mkdtempSync(join(tmpdir(), 'simplyload-process-'))
  try {
    const config = `{ version: 1, sources: { shop: { type: 'postgres', url: 'postgres://u@h/d', tables: ['a'] } }, destination: { type: 'duckdb', path: 'x' } }`
    const bin = resolve('src/bin.ts')
    const inFolder = () => spawnSync(process.execPath, [bin, 'validate'], { cwd: folder, encoding: 'utf8' })
    writeFileSync(join(folder, 'simplyload.config.ts'), `const config: object = ${config}\nexport default config`)
    expect(inFolder()).toMatchObject({ status: 0, stdout: expect.stringContaining('simplyload.config.ts is valid') })
    writeFileSync(join(folder, 'simplyload.yaml'), config)
    expect(inFolder()).toMatchObject({ status: 2, stderr: expect.stringContaining('both here') })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
