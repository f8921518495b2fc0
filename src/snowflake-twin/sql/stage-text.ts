/** `@db.schema.stage/path`, `@~/path`, `@%table/path` (docs: user-guide/data-load-local-file-system-stage). */
import { SnowflakeError } from './snowflake-error.ts'
import type { StageText } from './syntax-tree.ts'

/** The text begins with `@`. Throws 001003 for what is no location. */
export function parseStageText(text: string): StageText {
  const body = text.slice(1)
  if (body.startsWith('~')) return { type: 'user', parts: [], path: pathOf(body.slice(1)) }
  const type = body.startsWith('%') ? 'table' : 'named'
  let rest = type === 'table' ? body.slice(1) : body
  const parts: string[] = []
  while (true) {
    const part = /^(?:"((?:[^"]|"")*)"|([A-Za-z_][A-Za-z0-9_$]*))(\.%?)?/.exec(rest)
    if (part === null) throw malformed(text)
    parts.push(part[1] === undefined ? (part[2] ?? '').toUpperCase() : part[1].replaceAll('""', '"'))
    rest = rest.slice(part[0].length)
    if (part[3] === undefined) break
    if (part[3] === '.%')
      return { ...parseStageText(`@%${rest}`), parts: [...parts, ...parseStageText(`@%${rest}`).parts] }
  }
  if (rest !== '' && !rest.startsWith('/')) throw malformed(text)
  if (parts.length > 3) throw malformed(text)
  return { type, parts, path: pathOf(rest) }
}

function pathOf(rest: string): string {
  return rest.replace(/^\/+/, '')
}

function malformed(text: string): SnowflakeError {
  return new SnowflakeError(
    '001003',
    '42000',
    `SQL compilation error:\nparse error near '${text}': not a stage location.`,
  )
}
