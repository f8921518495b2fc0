import type { Command } from 'commander'
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
    const typed = line.replace(/ > .*$/, '')
    const words = [...typed.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
      ([, double, single, bare]) => double ?? single ?? bare,
    )
    expect(words.slice(0, name.split(' ').length).join(' ')).toBe(name)
    program.commander.exitOverride().parse(words as string[], { from: 'user' })
    expect(program.invocation(), line).toBeDefined()
  }
})
