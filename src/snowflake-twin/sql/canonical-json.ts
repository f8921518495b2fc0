/**
 * JSON text as a VARIANT keeps it: no blanks, keys of objects sorted, numbers in one form (whole and decimal numbers of up to 38 digits exactly,
 * without trailing zeros; others, and those with an exponent, as doubles with 15 digits). So equal VARIANTs have equal text, which DuckDB compares.
 */
const DIGITS_MAX = 38

/** Throws JsonError. */
export function canonicalJson(text: string): string {
  const reader = new JsonReader(text)
  return reader.whole()
}

/** As Snowflake says it after `Error parsing JSON: `. */
export class JsonError extends Error {
  override readonly name = 'JsonError'
}

class JsonReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): string {
    this.#blank()
    // An empty string is no value: PARSE_JSON('') is NULL for Snowflake, which the caller sees to.
    const value = this.#value()
    this.#blank()
    if (this.#at < this.#text.length) throw this.#error('unexpected characters after value')
    return value
  }

  #value(): string {
    const char = this.#text[this.#at]
    if (char === '{') return this.#object()
    if (char === '[') return this.#array()
    if (char === '"') return JSON.stringify(this.#string())
    for (const word of ['true', 'false', 'null']) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length
        return word
      }
    }
    return this.#number()
  }

  #object(): string {
    this.#at += 1
    const entries = new Map<string, string>()
    this.#blank()
    if (this.#take('}')) return '{}'
    do {
      this.#blank()
      if (this.#text[this.#at] !== '"') throw this.#error('expected object key')
      const at = this.#at
      const key = this.#string()
      this.#blank()
      if (!this.#take(':')) throw this.#error('missing colon')
      this.#blank()
      if (entries.has(key)) throw new JsonError(`duplicate object attribute "${key}", pos ${at + 1}`)
      entries.set(key, this.#value())
      this.#blank()
    } while (this.#take(','))
    if (!this.#take('}')) throw this.#error('missing comma or closing brace')
    const keys = [...entries.keys()].sort()
    return `{${keys.map((key) => `${JSON.stringify(key)}:${entries.get(key) ?? ''}`).join(',')}}`
  }

  #array(): string {
    this.#at += 1
    this.#blank()
    if (this.#take(']')) return '[]'
    const items: string[] = []
    do {
      this.#blank()
      items.push(this.#value())
      this.#blank()
    } while (this.#take(','))
    if (!this.#take(']')) throw this.#error('missing comma or closing bracket')
    return `[${items.join(',')}]`
  }

  #string(): string {
    const start = this.#at
    let end = start + 1
    while (this.#text[end] !== '"') {
      if (end >= this.#text.length) throw this.#error('unterminated string')
      end += this.#text[end] === '\\' ? 2 : 1
    }
    this.#at = end + 1
    const text = jsonString(this.#text.slice(start, end + 1))
    // Half of a surrogate pair has no UTF-8.
    if (text === undefined || !text.isWellFormed()) throw new JsonError(`invalid string, pos ${start + 1}`)
    return text
  }

  #number(): string {
    const match = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/.exec(this.#text.slice(this.#at, this.#at + 400))?.[0]
    if (match === undefined) throw this.#error(this.#at >= this.#text.length ? 'incomplete value' : 'unknown keyword')
    this.#at += match.length
    return canonicalNumber(match)
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false
    this.#at += 1
    return true
  }

  #blank(): void {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? 'x')) this.#at += 1
  }

  #error(what: string): JsonError {
    return new JsonError(`${what}, pos ${this.#at + 1}`)
  }
}

function jsonString(source: string): string | undefined {
  try {
    return JSON.parse(source) as string
  } catch {
    return undefined
  }
}

/** One form for each number; see the head of this file. */
export function canonicalNumber(text: string): string {
  if (/[eE]/.test(text)) return canonicalDouble(Number(text))
  const negative = text.startsWith('-')
  const [whole = '', fraction = ''] = text.replace('-', '').split('.')
  const left = whole.replace(/^0+(?=\d)/, '')
  const right = fraction.replace(/0+$/, '')
  if (left.length + right.length > DIGITS_MAX) return canonicalDouble(Number(text))
  const digits = right === '' ? left : `${left}.${right}`
  return negative && digits !== '0' ? `-${digits}` : digits
}

/** `1.912000000000000e+02`. */
export function canonicalDouble(value: number): string {
  // Snowflake shows 16 digits and keeps all; what is kept here is also what is computed with, so it has a 17th where that is needed.
  const shown = value.toExponential(15)
  const [mantissa = '', exponent = '0'] = (Number(shown) === value ? shown : value.toExponential(16)).split('e')
  const sign = exponent.startsWith('-') ? '-' : '+'
  return `${mantissa}e${sign}${exponent.replace(/[+-]/, '').padStart(2, '0')}`
}
