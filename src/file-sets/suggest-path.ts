/** From the name of one file to the path of its like: dates become placeholders. */
import { basename } from 'node:path'

const YEAR = '(?<![0-9])(?:19|20)\\d\\d'
const MONTH = '(?:0[1-9]|1[0-2])'
const DAY = '(?:0[1-9]|[12]\\d|3[01])'

export interface SuggestedPath {
  readonly table: string
  readonly path: string
  readonly reasons: readonly string[]
}

/** `data/sales_2024-03.tsv.gz` → `data/sales_{yyyy}-{mm}.tsv.gz`, table `sales`. */
export function suggestPath(name: string): SuggestedPath {
  const path = name
    .replace(
      new RegExp(`${YEAR}([-_.]?)${MONTH}\\1${DAY}(?![0-9])`, 'g'),
      (_, between: string) => `{yyyy}${between}{mm}${between}{dd}`,
    )
    .replace(new RegExp(`${YEAR}([-_.]?)${MONTH}(?![0-9])`, 'g'), (_, between: string) => `{yyyy}${between}{mm}`)
    .replace(
      new RegExp(`${YEAR}([-_.]?)([Qq])[1-4](?![0-9])`, 'g'),
      (_, between: string, letter: string) => `{yyyy}${between}${letter}{q}`,
    )
    .replace(new RegExp(`${YEAR}(?=[^0-9]|$)`, 'g'), '{yyyy}')
    .replace(/([A-Za-z_]\w*)=[^/]+(?=\/)/g, (_, part: string) => `${part}={${part.toLowerCase()}}`)
  const table = basename(path)
    .replace(/\{[^}]*\}/g, '')
    .replace(/\..*$/, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
  const reasons = path.includes('{yyyy}') ? [`The name has a date: ${path} takes the files of other periods too.`] : []
  return { table: /^[a-z]/.test(table) ? table : `files_${table}`.replace(/_$/, ''), path, reasons }
}
