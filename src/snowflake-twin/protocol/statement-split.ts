/** Several statements in one text. */

/** Semicolons within strings, names and comments do not count; what holds no statement is left out. */
export function splitStatements(text: string): readonly string[] {
  const statements: string[] = []
  let start = 0
  let hasContent = false
  let at = 0
  while (at < text.length) {
    const end = skippedTo(text, at)
    if (end > at) {
      hasContent ||= !isComment(text, at)
      at = end
      continue
    }
    const character = text[at] ?? ''
    if (character === ';') {
      if (hasContent) statements.push(text.slice(start, at).trim())
      start = at + 1
      hasContent = false
    } else hasContent ||= /\S/.test(character)
    at += 1
  }
  if (hasContent) statements.push(text.slice(start).trim())
  return statements
}

function isComment(text: string, at: number): boolean {
  const two = text.slice(at, at + 2)
  return two === '--' || two === '//' || two === '/*'
}

/** The end of the string, name or comment that begins at `at`; `at` itself where none does. */
function skippedTo(text: string, at: number): number {
  const two = text.slice(at, at + 2)
  // `//` begins a comment, but not the path of a PUT.
  if (two === '--' || (two === '//' && /^[\s;]?$/.test(text[at - 1] ?? ''))) return endOr(text, text.indexOf('\n', at))
  if (two === '/*') return endOr(text, text.indexOf('*/', at + 2), 2)
  if (two === '$$') return endOr(text, text.indexOf('$$', at + 2), 2)
  const quote = text[at]
  if (quote !== "'" && quote !== '"') return at
  for (let index = at + 1; index < text.length; index++) {
    if (quote === "'" && text[index] === '\\') index += 1
    else if (text[index] === quote) {
      if (text[index + 1] !== quote) return index + 1
      index += 1
    }
  }
  return text.length
}

function endOr(text: string, index: number, length = 0): number {
  return index < 0 ? text.length : index + length
}
