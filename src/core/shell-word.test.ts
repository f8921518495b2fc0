import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { shellWord } from './shell-word.ts'

test('a shell takes any name for one word', () => {
  const names = ['public.t', 'public.odd name', `it's "both"`, '$HOME', '`id`', 'größe', '-', '*', 'a;b']
  const told = execFileSync('sh', ['-c', `printf '%s\\n' ${names.map(shellWord).join(' ')}`], { encoding: 'utf8' })
  expect(told.trimEnd().split('\n')).toEqual(names)
  expect(shellWord('public.t')).toBe('public.t')
})
