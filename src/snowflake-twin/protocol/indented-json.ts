/** A VARIANT as a result shows it: one value per line, unless the session parameter JSON_INDENT is 0. */

/** `text` is JSON without blanks; numbers keep their digits, however many. `indent`: blanks for each level. */
export function indentedJson(text: string, indent: number): string {
  if (indent === 0 || !/^[[{]/.test(text) || text === '{}' || text === '[]') return text
  const parts: string[] = []
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? ''
    const next = text[at + 1] ?? ''
    if (character === '"') {
      const end = stringEnd(text, at)
      parts.push(text.slice(at, end))
      at = end - 1
    } else if ((character === '{' && next === '}') || (character === '[' && next === ']')) {
      parts.push(character, next)
      at += 1
    } else if (character === '{' || character === '[') {
      depth += 1
      parts.push(character, lineBreak(depth * indent))
    } else if (character === '}' || character === ']') {
      depth -= 1
      parts.push(lineBreak(depth * indent), character)
    } else if (character === ',') parts.push(character, lineBreak(depth * indent))
    else if (character === ':') parts.push(': ')
    else if (!/\s/.test(character)) parts.push(character)
  }
  return parts.join('')
}

function stringEnd(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function lineBreak(blanks: number): string {
  return `\n${' '.repeat(blanks)}`
}
