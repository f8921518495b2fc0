/** An error as people and as machines read it: what failed, why, and what to do. */
import { isPipelineError } from '../core/errors.ts'
import type { Palette } from './palette.ts'
import { printable } from './terminal-text.ts'

const CAUSES_MAX = 6

/** Messages along the chain of causes, outermost first, without repetitions. Lines of one message stay lines. */
function causesOf(error: unknown): readonly string[] {
  const found: string[] = []
  let current: unknown = error instanceof Error ? error.cause : undefined
  for (let depth = 0; current !== undefined && depth < CAUSES_MAX; depth += 1) {
    for (const message of messagesOf(current)) {
      if (message !== '' && !found.some((known) => known.includes(message))) found.push(message)
    }
    current = current instanceof Error ? current.cause : undefined
  }
  return found
}

/** Several addresses of one host give an AggregateError with an empty message of its own. */
function messagesOf(error: unknown): readonly string[] {
  if (error instanceof AggregateError && error.message === '') return error.errors.flatMap(messagesOf)
  return [error instanceof Error ? error.message : String(error)]
}

/**
 *   error: Opening warehouse.duckdb failed
 *     the file is locked by process 41
 *     fix: stop the other program
 */
export function errorLines(error: unknown, colors: Palette, withStack: boolean): readonly string[] {
  const known = isPipelineError(error)
  const message = error instanceof Error ? error.message : String(error)
  const causes = causesOf(error)
  const headline = known && causes.length > 0 ? `${message} failed` : message
  const lines = [`${colors.red(colors.bold('error:'))} ${printable(headline)}`]
  for (const line of causes.flatMap((cause) => cause.split('\n'))) lines.push(`  ${printable(line)}`)
  if (known && error.hint !== undefined) {
    const [first = '', ...more] = error.hint.split('\n')
    lines.push(`  ${colors.green('fix:')} ${printable(first)}`, ...more.map((line) => `       ${printable(line)}`))
  }
  if (withStack && error instanceof Error && error.stack !== undefined) lines.push(...error.stack.split('\n').slice(1))
  else if (!known) lines.push(`  ${colors.green('fix:')} this is unexpected; --log-level debug shows where it happened`)
  return lines
}

export function errorEvent(error: unknown): Readonly<Record<string, unknown>> {
  const known = isPipelineError(error)
  return {
    event: 'error',
    code: known ? error.code : 'internal',
    message: error instanceof Error ? error.message : String(error),
    causes: causesOf(error),
    ...(known && error.hint !== undefined ? { hint: error.hint } : {}),
    ...(known ? { context: error.context } : {}),
  }
}
