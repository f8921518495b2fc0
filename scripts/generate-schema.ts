/**
 * Writes what is generated from the configuration's schemas: the JSON Schema for editors and the reference page.
 * With `--check` it writes nothing and fails where a file is stale.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CONFIG_SCHEMA } from '../src/connectors.ts'
import { configurationReference } from './configuration-reference.ts'
import { editorSchema, inputSchema } from './json-schema.ts'

const root = resolve(import.meta.dirname, '..')

/** Path from the root of the repository → content. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const input = inputSchema(CONFIG_SCHEMA)
  return new Map([
    ['schema/simplyload.schema.json', `${JSON.stringify(editorSchema(input), null, 2)}\n`],
    ['docs/reference/configuration.md', configurationReference(input)],
  ])
}

/** Paths whose content is not what would be generated now. */
export function staleFiles(): readonly string[] {
  return [...generatedFiles()].filter(([path, content]) => contentOf(path) !== content).map(([path]) => path)
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

if (import.meta.main) {
  const stale = staleFiles()
  if (process.argv.includes('--check')) {
    for (const path of stale) console.error(`${path} is stale: run npm run generate`)
    process.exitCode = stale.length === 0 ? 0 : 1
  } else {
    for (const [path, content] of generatedFiles()) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), content)
    }
    console.log(stale.length === 0 ? 'All generated files were fresh.' : `Wrote ${stale.join(', ')}.`)
  }
}
