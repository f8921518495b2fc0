import { globSync, readFileSync } from 'node:fs'
import type { Command, CommanderError } from 'commander'
import { expect, test } from 'vitest'
import { EXAMPLES } from './examples.ts'
import { createProgram } from './program.ts'

const open = () =>
  createProgram(
    '0.0.0',
    () => Promise.reject(new Error()),
    () => Promise.reject(new Error()),
  )

test('every command that takes something has examples, and no example is of another command', () => {
  const paths = (command: Command, path: string): readonly string[] =>
    command.commands.flatMap((one) => {
      const name = `${path} ${one.name()}`.trim()
      return one.commands.length > 0 && name !== 'cost' ? paths(one, name) : [name, ...paths(one, name)]
    })
  const takesNothing = ['validate', 'checkpoint list', 'files results', 'cleanup', 'jobs keep']
  const leaves = paths(open().commander, '').filter((name) => !takesNothing.includes(name))
  expect(Object.keys(EXAMPLES).toSorted()).toEqual(leaves.toSorted())
})

test.each(Object.entries(EXAMPLES))('the examples of %s can be typed', (name, lines) => {
  for (const line of lines) {
    const program = open()
    const words = wordsOf(line)
    expect(words.slice(0, name.split(' ').length).join(' ')).toBe(name)
    program.commander.exitOverride().parse(words, { from: 'user' })
    expect(program.invocation(), line).toBeDefined()
  }
})

test.each(['README.md', ...globSync('docs/guides/*.md').toSorted()])('the commands in %s can be typed', (path) => {
  const text = readFileSync(path, 'utf8')
  const lines = [...text.matchAll(/^(?:\$ )?(?:npx )?simplyload ([^\n]*)$|`(?:npx )?simplyload ([^`\n]+)`/gm)]
  for (const [, block, inline] of lines) {
    const { commander } = open()
    for (const one of [commander, ...commander.commands.flatMap((each) => [each, ...each.commands])]) {
      one.exitOverride().configureOutput({ writeOut: () => undefined, writeErr: () => undefined })
    }
    try {
      commander.parse(wordsOf(block ?? inline ?? ''), { from: 'user' })
    } catch (error) {
      // Where a command is only named, what it takes is left out.
      const { code } = error as CommanderError
      if (code !== 'commander.missingArgument' && code !== 'commander.help') throw error
    }
  }
})

/** As a shell takes them, up to a comment or where its output goes. */
function wordsOf(line: string): string[] {
  const typed = line.replace(/ +(#|>) .*$/, '')
  return [...typed.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  )
}
