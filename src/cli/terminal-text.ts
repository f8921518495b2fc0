/** Text as a terminal counts it: in columns, not in characters. */

// Control characters could move the cursor or retitle the window; names come from a database and may hold anything.
const CONTROL = /\p{Cc}|\p{Cf}|\u2028|\u2029/gu
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u
const MARK = /\p{Mn}|\p{Me}/u

/** With every control character replaced, so that it is safe to print and one line long. */
export function printable(text: string): string {
  return text.replace(CONTROL, (character) => (character === '\n' ? '⏎' : character === '\t' ? ' ' : '·'))
}

/** Columns that `text` takes. It must be printable and without colour codes. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  let width = 0
  for (const character of text) width += MARK.test(character) ? 0 : WIDE.test(character) ? 2 : 1
  return width
}

/** Exactly `width` columns: padded, or cut with an ellipsis. Names keep their end, which is what tells them apart. */
export function fitted(text: string, width: number, align: 'left' | 'right', cut: 'start' | 'end' = 'end'): string {
  const actual = displayWidth(text)
  if (actual <= width) {
    const padding = ' '.repeat(width - actual)
    return align === 'left' ? text + padding : padding + text
  }
  if (width <= 0) return ''
  const characters = [...text]
  let kept = ''
  while (characters.length > 0) {
    const next = cut === 'end' ? characters.shift() : characters.pop()
    const longer = cut === 'end' ? kept + next : next + kept
    if (displayWidth(longer) > width - 1) break
    kept = longer
  }
  const shortened = cut === 'end' ? `${kept}…` : `…${kept}`
  return shortened + ' '.repeat(width - displayWidth(shortened))
}

/** Breaks at spaces; a longer word stands alone on its line. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && displayWidth(line) + 1 + displayWidth(word) > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
