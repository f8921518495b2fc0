// Runs before the npm scripts: a fresh clone needs no separate install. Plain JavaScript, because nothing is installed
// yet and the machine's own Node may be too old for the rest.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

// npm writes this file last, so an interrupted install does not count.
if (!existsSync('node_modules/.package-lock.json')) {
  process.stderr.write('Installing dependencies (once)…\n')
  const install = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  process.exit(install.status ?? 1)
}
