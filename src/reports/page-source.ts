/**
 * Script and style of the page that a report is. The script is written as modules, and put one after another into one
 * function, since a page that was opened from a file may not load modules.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What uses something stands after what it uses. */
const MODULES = [
  'figures',
  'element',
  'samples',
  'days',
  'calendar',
  'day-panel',
  'findings',
  'charts',
  'overview',
  'history',
  'start',
] as const

/** Beside the program, where it is built; else the folder of the sources. */
const BUILT = join(import.meta.dirname, 'report-page')

export interface PageSource {
  readonly script: string
  readonly style: string
}

export function pageSource(): PageSource {
  if (existsSync(BUILT))
    return {
      script: readFileSync(join(BUILT, 'page.js'), 'utf8'),
      style: readFileSync(join(BUILT, 'page.css'), 'utf8'),
    }
  return joinPageSource(join(import.meta.dirname, 'page'))
}

/** Takes the folder of the modules; the build writes what comes of it beside the program. */
export function joinPageSource(folder: string): PageSource {
  const modules = MODULES.map((name) => plainScript(readFileSync(join(folder, `${name}.js`), 'utf8')))
  return {
    script: `(() => {\n'use strict'\n${modules.join('\n')}})()\n`,
    style: readFileSync(join(folder, 'page.css'), 'utf8'),
  }
}

/** Without what is said about other modules, and without comments that have lines of their own. */
function plainScript(module: string): string {
  return module
    .replace(/^import [^']*'[^']*'\n/gm, '')
    .replace(/^export /gm, '')
    .replace(/^ *\/\*\*[\s\S]*?\*\/\n/gm, '')
    .replace(/^ *\/\/.*\n/gm, '')
}
