/**
 * Makes `dist/` for publishing: JavaScript in a few files, declarations, and the licences of what was bundled.
 *
 * Small packages that every command reads (commander, zod, yaml) are bundled: read from a hundred files of their own,
 * they alone made `simplyload validate` take twice as long. Everything else stays a dependency, loaded when first used.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { rolldown } from 'rolldown'
import { joinPageSource } from '../src/reports/page-source.ts'

const root = resolve(import.meta.dirname, '..')
const folder = join(root, 'dist')
const BUNDLED = ['commander', 'yaml', 'zod']

rmSync(folder, { recursive: true, force: true })
const entries = ['src/bin.ts', 'src/index.ts'].filter((path) => existsSync(join(root, path)))
const bundle = await rolldown({
  cwd: root,
  input: entries,
  platform: 'node',
  external: (id) => !isPath(id) && !BUNDLED.includes(packageOf(id)),
})
const { output } = await bundle.write({
  dir: folder,
  format: 'esm',
  sourcemap: true,
  chunkFileNames: '[name]-[hash].js',
  // What every command reads is in two files instead of fifteen.
  codeSplitting: {
    groups: [
      { name: 'command-line', test: /src[\\/](core|cli[\\/][^\\/]+$)|node_modules[\\/]commander/ },
      {
        name: 'configuration',
        test: /src[\\/](app\.ts|connectors\.ts|config)|[\\/]config\.ts$|node_modules[\\/](zod|yaml)/,
      },
    ],
  },
})
await bundle.close()

// The page of a report is no part of the program: it is read as text.
const page = joinPageSource(join(root, 'src/reports/page'))
mkdirSync(join(folder, 'report-page'))
writeFileSync(join(folder, 'report-page/page.js'), page.script)
writeFileSync(join(folder, 'report-page/page.css'), page.style)

const modules = output.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []))
const folders = new Set(modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []))
writeFileSync(join(folder, 'THIRD-PARTY-LICENSES.txt'), [...folders].sort().map(licence).join('\n'))

execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})

function isPath(id: string): boolean {
  return id.startsWith('.') || id.startsWith('/') || id.includes(':\\')
}

function packageOf(id: string): string {
  return id
    .split('/')
    .slice(0, id.startsWith('@') ? 2 : 1)
    .join('/')
}

function licence(path: string): string {
  const [file] = globSync(join(path, 'LICEN[CS]E*'))
  if (file === undefined) throw new Error(`${relative(root, path)} has no licence file, so it cannot be bundled`)
  const { name, version } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as {
    name: string
    version: string
  }
  return `${name} ${version}\n\n${readFileSync(file, 'utf8')}`
}
