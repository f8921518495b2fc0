import { createInterface } from 'node:readline/promises'
import type { CommandContext } from './command.ts'

/** One question on the terminal; the answer without surrounding space. On standard error, like all that is not an answer. */
export async function ask(context: CommandContext, question: string): Promise<string> {
  const terminal = createInterface({ input: context.stdin, output: process.stderr, terminal: true })
  terminal.on('SIGINT', context.interrupt)
  try {
    return (await terminal.question(question, { signal: context.signal })).trim()
  } finally {
    terminal.close()
  }
}
