import { expect, test } from 'vitest'
import { StatusLine } from './status-line.ts'

/** What a terminal of one screen shows, knowing carriage return and erase. */
function shown(written: readonly string[]): readonly string[] {
  const lines = ['']
  for (const piece of written
    .join('')
    .replaceAll('\x1b[2K', '⌫')
    .split(/([\r\n⌫])/)) {
    if (piece === '\n') lines.push('')
    else if (piece === '⌫') lines[lines.length - 1] = ''
    else if (piece !== '\r') lines[lines.length - 1] += piece
  }
  return lines
}

test('lines go on above a status that is written anew and gone at the end', () => {
  const written: string[] = []
  const stream = { write: (text: string) => written.push(text), columns: 20 }
  const line = new StatusLine(stream)
  line.draw('1 of 3, 10 MB/s')
  line.around(() => stream.write('first\n'))
  line.draw('2 of 3, \x1b[31m99 MB/s and much more')
  expect(shown(written)).toEqual(['first', '2 of 3, ·[31m99 MB…'])
  line.around(() => stream.write('second\n'))
  line[Symbol.dispose]()
  expect(shown(written)).toEqual(['first', 'second', ''])
})
