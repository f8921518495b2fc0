/**
 * A statement, taken apart. Statements of a merge are put together from clauses (modes, key columns, truncates, values that were not
 * sent, …), so there are more of them than anybody can read; their parts are few. A part is one item of one clause: a selected
 * value, a condition between ANDs, a relation, an assignment, a column of a table that is made, a branch of a CASE; and the order of
 * the clauses. A query inside of it is taken apart for itself. What differs by names, values, or by how many of a kind there are is one part.
 */

/** Nested: what is in parentheses, and a CASE with all that is before its END. */
type Token = string | readonly Token[]

const TOKEN =
  /\b(?:LEFT|FULL OUTER) JOIN\b|\b(?:GROUP|ORDER) BY\b|\bUNION ALL\b|\bIS (?:NOT )?DISTINCT FROM\b|'(?:[^'\\]|\\.|'')*'|"(?:[^"]|"")*"|@[^\s()]+|[A-Za-z_][\w$]*|\d+(?:\.\d+)?|::|<>|<=|>=|\|\||[:$]\d+|\S/g
const CLAUSES: ReadonlySet<Token | undefined> = new Set([
  'WITH',
  'SELECT',
  'FROM',
  'JOIN',
  'LEFT JOIN',
  'FULL OUTER JOIN',
  'ON',
  'USING',
  'WHERE',
  'GROUP BY',
  'HAVING',
  'QUALIFY',
  'ORDER BY',
  'LIMIT',
  'UNION ALL',
  'VALUES',
  'WHEN',
  'THEN',
])

export function partsOf(sql: string): ReadonlySet<string> {
  const parts = new Set<string>()
  takeApart(read(sql), parts)
  return parts
}

function read(sql: string): readonly Token[] {
  const root: Token[] = []
  const open = [root]
  for (const [token] of sql.replaceAll(/\s+/g, ' ').matchAll(TOKEN)) {
    if (token === ')' || (token === 'END' && open.at(-1)?.[0] === 'CASE')) {
      open.pop()
      continue
    }
    const group: Token[] = token === 'CASE' ? [token] : []
    const isGroup = token === '(' || token === 'CASE'
    open.at(-1)?.push(isGroup ? group : token)
    if (isGroup) open.push(group)
  }
  return root
}

function takeApart(statement: readonly Token[], parts: Set<string>): void {
  const clauses: Token[][] = [[]]
  for (const token of statement) {
    if (CLAUSES.has(token)) clauses.push([])
    clauses.at(-1)?.push(token)
  }
  const order: string[] = []
  for (const clause of clauses.filter(({ length }) => length > 0)) {
    const head = typeof clause[0] === 'string' ? clause[0] : '(…)'
    order.push(head)
    for (const item of itemsOf(CLAUSES.has(head) ? clause.slice(1) : clause)) {
      // Of a table or a list of columns and of rows that are inserted: each item for itself.
      const isList = /^(CREATE|COPY|INSERT|VALUES|THEN)$/.test(head)
      const lists = isList ? item.filter((token) => typeof token !== 'string') : []
      for (const list of lists.filter((each) => !isQuery(each))) {
        for (const each of itemsOf(list)) parts.add(`${head} (… ${textOf(each, parts)} …)`)
      }
      const whole = item.map((token) => (isList && typeof token !== 'string' && !isQuery(token) ? ['…'] : token))
      parts.add(`${head} ${textOf(whole, parts)}`)
    }
  }
  parts.add(order.join(' ').replaceAll(/\b(JOIN ON|LEFT JOIN ON|WHEN THEN)(?: \1)+/g, '$1'))
}

function isQuery(token: Token): boolean {
  return typeof token !== 'string' && (token[0] === 'SELECT' || token[0] === 'WITH' || isQueryGroup(token[0]))
}

function isQueryGroup(token: Token | undefined): boolean {
  return token !== undefined && typeof token !== 'string' && isQuery(token)
}

/** Between commas and ANDs. */
function itemsOf(tokens: readonly Token[]): readonly (readonly Token[])[] {
  let isBetween = false
  return split(tokens, (token) => {
    const ends = token === ',' || (token === 'AND' && !isBetween)
    if (token === 'BETWEEN' || token === 'AND') isBetween = token === 'BETWEEN'
    return ends
  })
}

function split(tokens: readonly Token[], ends: (token: Token) => boolean): readonly (readonly Token[])[] {
  const items: Token[][] = [[]]
  for (const token of tokens) {
    if (ends(token)) items.push([])
    else items.at(-1)?.push(token)
  }
  return items.filter(({ length }) => length > 0)
}

/** Each branch for itself, since any of them may be there. */
function takeCaseApart(tokens: readonly Token[], parts: Set<string>): void {
  const branches: Token[][] = [[]]
  for (const token of tokens.slice(1)) {
    if (token === 'WHEN' || token === 'ELSE') branches.push([])
    branches.at(-1)?.push(token)
  }
  for (const branch of branches.filter(({ length }) => length > 0)) parts.add(`CASE ${textOf(branch, parts)}`)
}

function textOf(tokens: readonly Token[], parts: Set<string>): string {
  const words = tokens.map((token) => {
    if (typeof token === 'string') return wordOf(token)
    if (token[0] === 'CASE') {
      takeCaseApart(token, parts)
      return 'CASE … END'
    }
    if (isQuery(token)) {
      takeApart(token, parts)
      return '(query)'
    }
    // Of a condition, or of a text that is put together: each of what it is made of for itself.
    const operator = ['AND', '||'].find((each) => token.includes(each) && !token.includes(','))
    if (operator === undefined || token.includes('BETWEEN'))
      return `(${[...new Set(itemsOf(token).map((item) => textOf(item, parts)))].join(', ')})`
    for (const item of split(token, (each) => each === operator)) parts.add(`${operator} ${textOf(item, parts)}`)
    return `(… ${operator} …)`
  })
  let text = words
    .join(' ')
    .replaceAll(/ ?\. ?/g, '.')
    .replaceAll(/"…"(?:\."…")+/g, '"…"."…"')
  // The same once more is the same: conditions, texts that are put together.
  for (let shorter = ''; shorter !== text; ) {
    shorter = text
    text = text.replaceAll(/(?<= )((?:AND|OR|\+|\|\|) .{1,200}?)(?: \1)+(?= |$)/g, '$1')
    text = text.replaceAll(/(?<=^| )(\S.{1,200}?) (?:AND|OR|\+|\|\|) \1(?= |$)/g, '$1')
    text = text.replaceAll(/(?<=[ (])(\S+), \1(?=[ ,)])/g, '$1')
  }
  return text
}

/** Without what differs from one table to the next. */
function wordOf(token: string): string {
  if (token.startsWith("'")) return "'…'"
  if (token.startsWith('"')) return '"…"'
  if (token.startsWith('@')) return token.replace(/\/.+$/, '/…')
  if (/^\d/.test(token)) return '0'
  if (/^[:$]\d/.test(token)) return `${token[0]}1`
  return /^[a-z_]+\d*(_\d+)?$/.test(token) ? token.replace(/_?\d+$/, '') : token
}
