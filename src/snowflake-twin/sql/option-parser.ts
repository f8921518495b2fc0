/** `KEY = value …` lists, which CREATE, ALTER, COPY, PUT and file formats share. */
import { partsOfText } from './operand-parser.ts'
import type { Options, OptionValue } from './session-context.ts'
import type { FormatText } from './syntax-tree.ts'
import type { TokenStream } from './token-stream.ts'

/** Reads pairs as long as there are any; commas between them are allowed. Keys are upper-case, words as written. */
export function parseOptions(tokens: TokenStream): Options {
  const options = new Map<string, OptionValue>()
  while (tokens.peek().type === 'word' && tokens.isSymbol('=', 1)) {
    const key = tokens.next().value
    tokens.next()
    options.set(key, optionValue(tokens))
    if (tokens.isSymbol(',') && tokens.peek(1).type === 'word' && tokens.isSymbol('=', 2)) tokens.next()
  }
  return options
}

/** A string option, also when it was given as a word. */
export function optionText(options: Options, key: string): string | undefined {
  const value = options.get(key)
  return typeof value === 'string' ? value : undefined
}

/** Options without one key. */
export function withoutOption(options: Options, ...keys: readonly string[]): Options {
  return new Map([...options].filter(([key]) => !keys.includes(key)))
}

/** After `FILE_FORMAT =` or `=>`: a name, a name in a string, or `(TYPE = … | FORMAT_NAME = …)`. */
export function parseFormat(tokens: TokenStream): FormatText {
  const text = tokens.takeString()
  if (text !== undefined) return { name: partsOfText(text), options: new Map() }
  if (!tokens.isSymbol('(')) return { name: dottedName(tokens), options: new Map() }
  tokens.expectSymbol('(')
  const options = parseOptions(tokens)
  tokens.expectSymbol(')')
  const name = optionText(options, 'FORMAT_NAME')
  return { name: name === undefined ? undefined : partsOfText(name), options: withoutOption(options, 'FORMAT_NAME') }
}

/** What {@link parseOptions} read as FILE_FORMAT, as a format. */
export function formatOf(options: Options): FormatText {
  const value = options.get('FILE_FORMAT')
  if (value === undefined) return { name: undefined, options: new Map() }
  if (typeof value === 'string') return { name: partsOfText(value), options: new Map() }
  if (typeof value !== 'object' || value === null || !('options' in value))
    return { name: undefined, options: new Map() }
  const name = optionText(value.options, 'FORMAT_NAME')
  return {
    name: name === undefined ? undefined : partsOfText(name),
    options: withoutOption(value.options, 'FORMAT_NAME'),
  }
}

function optionValue(tokens: TokenStream): OptionValue {
  const token = tokens.peek()
  if (token.type === 'string') return tokens.next().value
  if (token.type === 'number') return Number(tokens.next().value)
  if (tokens.isSymbol('-') && tokens.peek(1).type === 'number') {
    tokens.next()
    return -Number(tokens.next().value)
  }
  if (tokens.takeWords('TRUE')) return true
  if (tokens.takeWords('FALSE')) return false
  if (tokens.takeWords('NULL')) return null
  if (tokens.isSymbol('(')) return parenthesizedValue(tokens)
  if (token.type !== 'word' && token.type !== 'quoted') throw tokens.unexpected()
  const start = tokens.next().start
  while (tokens.isSymbol('.') && ['word', 'quoted'].includes(tokens.peek(1).type)) {
    tokens.next()
    tokens.next()
  }
  return tokens.sql.slice(start, tokens.endOfPrevious)
}

function parenthesizedValue(tokens: TokenStream): OptionValue {
  if (tokens.peek(1).type === 'word' && tokens.isSymbol('=', 2)) {
    tokens.expectSymbol('(')
    const options = parseOptions(tokens)
    tokens.expectSymbol(')')
    return { options }
  }
  return tokens.parenthesized(() => optionValue(tokens))
}

function dottedName(tokens: TokenStream): string[] {
  const parts: string[] = []
  do {
    const token = tokens.peek()
    if (token.type !== 'word' && token.type !== 'quoted') throw tokens.unexpected()
    parts.push(tokens.next().value)
  } while (tokens.takeSymbol('.'))
  return parts
}
