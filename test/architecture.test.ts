/** The architecture as a test: who may import whom, and what no source file may contain. */
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, posix } from 'node:path'
import { expect, test } from 'vitest'

/** Room → rooms it may import. Files directly in `src/` and those of `src/app/` wire everything together and may import every room. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  columnar: ['core'],
  engine: ['core', 'columnar'],
  'file-sets': ['core'], // what files are and how they are read; knows no engine and no rules
  sources: ['core', 'columnar', 'file-sets'],
  stages: ['core', 'columnar'],
  destinations: ['core', 'columnar', 'warehouse'],
  warehouse: ['core'], // what is true of tables on any destination: no SQL of one
  transforms: ['core', 'columnar'], // what it hands on to, and that one's SQL, are passed in by connectors.ts
  state: ['core'],
  config: ['core'], // connectors' schemas are passed in by connectors.ts
  cli: ['core'], // what it runs is passed in by bin.ts
  demo: ['core'], // a user of the application, like cli: what it runs is passed in by bin.ts
  quality: ['core', 'file-sets'], // calendars, completeness, anomalies: pure; checks: rules as SQL over files
  jobs: ['core'], // records and processes of background work; what runs in them is a command line
  reports: ['core'], // the result of a check → HTML, PDF, e-mail, comparison
  'snowflake-twin': ['core'], // the local Snowflake: meets the destination over HTTP only
}

/** Rooms in which each folder is a connector that must not know another one. */
const CONNECTOR_ROOMS: readonly string[] = ['sources', 'stages', 'destinations', 'state']

const LINES_MAX = 400
/** Path → why the file may be longer. */
const LONGER: Readonly<Record<string, string>> = {}

const FORBIDDEN_WORDS: readonly string[] = [
  'utils',
  'util',
  'helpers',
  'helper',
  'common',
  'misc',
  'manager',
  'service',
]
const FORBIDDEN_NAMES: readonly string[] = [...FORBIDDEN_WORDS, 'base', 'impl', 'types', 'index']
/** `src/index.ts` is the library's entry, named in package.json. */
const ALLOWED_NAMES: readonly string[] = ['src/index.ts']

const sources = globSync('src/**/*.ts').map(toPosix).sort()
const everything = globSync('{src,test,bench,scripts}/**/*.{ts,js}').map(toPosix).sort()
const text = new Map(everything.map((path) => [path, readFileSync(path, 'utf8')]))
const imports = new Map(sources.map((path) => [path, importsOf(path, true)]))
const loaded = new Map(sources.map((path) => [path, importsOf(path, false)]))

test('rooms import only the rooms they may', () => {
  const problems = sources.filter(isNotTest).flatMap((path) => {
    const room = roomOf(path)
    if (room === undefined) return []
    const allowed = MAY_IMPORT[room]
    if (allowed === undefined)
      return [`${path}: there is no room "${room}"; put the file into one, or add the room to the table`]
    return importedFiles(path)
      .filter((target) => roomOf(target) !== room && !allowed.includes(roomOf(target) ?? ''))
      .map(
        (target) =>
          `${path} imports ${target}: ${room} may import ${list(allowed)}; move what is shared to core, or pass it in`,
      )
  })
  expect(problems).toEqual([])
})

test('core imports no package', () => {
  const problems = sources
    .filter((path) => isNotTest(path) && roomOf(path) === 'core')
    .flatMap((path) => packagesOf(path).map((name) => `${path} imports ${name}: core is types and rules only`))
  expect(problems).toEqual([])
})

test('a connector knows no other connector', () => {
  const problems = sources.filter(isNotTest).flatMap((path) => {
    const connector = connectorOf(path)
    if (connector === undefined) return []
    return importedFiles(path)
      .filter((target) => connectorOf(target) !== undefined && connectorOf(target) !== connector)
      .map((target) => `${path} imports ${target}: move what both need to core or columnar`)
  })
  expect(problems).toEqual([])
})

test('only connectors.ts names connectors', () => {
  const problems = sources
    .filter((path) => isNotTest(path) && roomOf(path) === undefined && path !== 'src/connectors.ts')
    .flatMap((path) =>
      importedFiles(path)
        .filter((target) => connectorOf(target) !== undefined)
        .map((target) => `${path} imports ${target}: take it from src/connectors.ts`),
    )
  expect(problems).toEqual([])
})

// Types are gone when the code runs, so two files may know each other's types.
test('there is no import cycle', () => {
  const done = new Set<string>()
  const problems: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) problems.push(`${[...trail.slice(start), path].join(' → ')}: move what both need into a third file`)
    if (start >= 0 || done.has(path)) return
    for (const target of importedFiles(path, loaded)) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of sources) visit(path, [])
  expect(problems).toEqual([])
})

test(`no source file is longer than ${LINES_MAX} lines`, () => {
  const problems = everything.flatMap((path) => {
    const lines = (text.get(path) ?? '').split('\n').length - 1
    return lines > LINES_MAX && LONGER[path] === undefined
      ? [`${path} has ${lines} lines: split it where its heading would need an "and"`]
      : []
  })
  const stale = Object.keys(LONGER).filter((path) => (text.get(path) ?? '').split('\n').length - 1 <= LINES_MAX)
  expect([...problems, ...stale.map((path) => `${path} needs its waiver no more: remove it`)]).toEqual([])
})

test('file names say what is in them', () => {
  const problems = everything.flatMap((path) => {
    const name = basename(path).replace(/(\.test)?\.(ts|js)$/, '')
    const dump = FORBIDDEN_NAMES.includes(name) || name.split('-').some((word) => FORBIDDEN_WORDS.includes(word))
    const folder = dirname(path)
      .split('/')
      .find((part) => FORBIDDEN_WORDS.includes(part))
    return (dump || folder !== undefined) && !ALLOWED_NAMES.includes(path)
      ? [`${path}: name it after what it exports`]
      : []
  })
  expect(problems).toEqual([])
})

test('sources hold no console output, focused tests or loose ends', () => {
  const rules: readonly {
    readonly pattern: RegExp
    readonly where: (path: string) => boolean
    readonly advice: string
  }[] = [
    {
      pattern: /\bconsole\s*\./,
      where: (path) => path.startsWith('src/') && isNotTest(path),
      advice:
        'report through a ProgressEvent or the log; only the command line writes to the terminal, through its streams',
    },
    {
      pattern: /\b(test|it|describe|suite)\.only\(/,
      where: (path) => path.endsWith('.test.ts'),
      advice: 'remove .only',
    },
    {
      pattern: /\b(FIX|TO)DO\b|\bFIXME\b|\bXXX\b/,
      where: (path) => path !== 'test/architecture.test.ts',
      advice: 'do it, or write an issue',
    },
    { pattern: /\bexport default\b/, where: (path) => path.startsWith('src/'), advice: 'export it by name' },
  ]
  const problems = everything.flatMap((path) =>
    (text.get(path) ?? '')
      .split('\n')
      .flatMap((line, index) =>
        rules
          .filter((rule) => rule.where(path) && rule.pattern.test(line))
          .map((rule) => `${path}:${index + 1}: ${line.trim()}: ${rule.advice}`),
      ),
  )
  expect(problems).toEqual([])
})

test('every package that is imported is declared, and the other way round', () => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
  const runtime = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })
  const undeclared = sources.filter(isNotTest).flatMap((path) =>
    packagesOf(path)
      .filter((name) => !runtime.includes(name))
      .map((name) => `${path} imports ${name}: add it to dependencies`),
  )
  const used = new Set(sources.filter(isNotTest).flatMap(packagesOf))
  const unused = Object.keys(manifest.dependencies).filter((name) => !used.has(name))
  expect([...undeclared, ...unused.map((name) => `package.json: nothing in src imports ${name}: remove it`)]).toEqual(
    [],
  )
})

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
}

function toPosix(path: string): string {
  return path.replaceAll('\\', '/')
}

function isNotTest(path: string): boolean {
  return !path.endsWith('.test.ts')
}

/** Undefined for files that wire: those directly in `src/` and in `src/app/`. */
function roomOf(path: string): string | undefined {
  const [, room, rest] = path.split('/')
  return rest === undefined || room === 'app' ? undefined : room
}

/** `sources/postgres`. */
function connectorOf(path: string): string | undefined {
  const [, room = '', connector, rest] = path.split('/')
  return CONNECTOR_ROOMS.includes(room) && rest !== undefined ? `${room}/${connector}` : undefined
}

/** Specifiers of static, type, re-exporting and dynamic imports, `new Worker(new URL('…'))` included. */
function importsOf(path: string, withTypes: boolean): readonly string[] {
  const code = (text.get(path) ?? '').replace(/^\s*(\*|\/\/|\/\*).*$/gm, '')
  const statements = [...code.matchAll(/^\s*(?:import|export)\b(\s+type\b)?[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm)]
    .filter(([, type]) => withTypes || type === undefined)
    .map(([, , specifier = '']) => specifier)
  const others = [...code.matchAll(/\b(?:import|new URL)\s*\(\s*['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]/gm)]
  return [...statements, ...others.map(([, dynamic, effect]) => dynamic ?? effect ?? '')]
}

function importedFiles(path: string, of: ReadonlyMap<string, readonly string[]> = imports): readonly string[] {
  return (of.get(path) ?? [])
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => posix.join(posix.dirname(path), specifier))
    .filter((target) => target.startsWith('src/'))
}

function packagesOf(path: string): readonly string[] {
  return (imports.get(path) ?? [])
    .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
    .map((specifier) =>
      specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/'),
    )
}

function list(rooms: readonly string[]): string {
  return rooms.length === 0 ? 'nothing' : rooms.join(', ')
}
