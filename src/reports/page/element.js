/** Elements are made from text only: nothing of a file is ever read as HTML. */

/**
 * @typedef {string | number | Node | null | undefined | false} Child
 * @typedef {Readonly<Record<string, string | number | boolean | ((event: Event) => void) | undefined>>} Attributes
 */

/**
 * Attributes that are functions listen to the event of that name; `true` is an attribute without a value.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...(Child | readonly Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  apply(made, attributes)
  append(made, children)
  return made
}

/**
 * @param {string} tag
 * @param {Attributes} [attributes]
 * @param {...(Child | readonly Child[])} children
 */
export function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag)
  apply(made, attributes)
  append(made, children)
  return made
}

/** @param {Element} made @param {Attributes} attributes */
function apply(made, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(name, value)
    else if (value === true) made.setAttribute(name, '')
    else if (value !== undefined && value !== false) made.setAttribute(name, String(value))
  }
}

/** @param {Element} made @param {readonly (Child | readonly Child[])[]} children */
function append(made, children) {
  for (const child of children.flat())
    if (child !== null && child !== undefined && child !== false)
      made.append(typeof child === 'number' ? String(child) : child)
}

// Characters that show nothing, or change how others are shown: written out, so that a cell cannot lie about itself.
const UNSEEN = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/**
 * Text of a file, kept apart from the text around it.
 * @param {string} text
 */
export function fileText(text) {
  const held = element('bdi', { class: 'file-text' })
  let from = 0
  for (const found of text.matchAll(UNSEEN)) {
    const code = (found[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
    append(held, [
      text.slice(from, found.index),
      element('span', { class: 'unseen', title: 'not printable' }, `U+${code}`),
    ])
    from = found.index + found[0].length
  }
  append(held, [text.slice(from)])
  return held
}

/** @param {string} text */
export function copyButton(text) {
  const button = element('button', { type: 'button', class: 'quiet', click: () => void copy() }, 'Copy')
  async function copy() {
    try {
      await navigator.clipboard.writeText(text)
      button.textContent = 'Copied'
    } catch {
      // A page that was opened from a file may not be allowed to; the text is there to be marked by hand.
      button.textContent = 'Not allowed here'
    }
  }
  return button
}

/**
 * @param {string} id
 * @param {string} title
 * @param {string} remark
 * @param {...(Child | readonly Child[])} children
 */
export function section(id, title, remark, ...children) {
  return element(
    'section',
    { id, 'aria-labelledby': `${id}-title` },
    element('div', { class: 'section-head' }, element('h2', { id: `${id}-title` }, title), element('p', {}, remark)),
    ...children,
  )
}

/**
 * A table that scrolls by itself where it is wider than the page.
 * @param {readonly (string | { readonly title: string, readonly number: true })[]} columns
 * @param {readonly (readonly Child[])[]} rows
 * @param {string} [name]
 */
export function table(columns, rows, name = '') {
  const kinds = columns.map((column) => (typeof column === 'string' ? undefined : 'number'))
  const titles = columns.map((column) => (typeof column === 'string' ? column : column.title))
  return element(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': name || 'table' },
    element(
      'table',
      {},
      element(
        'thead',
        {},
        element(
          'tr',
          {},
          titles.map((title, place) => element('th', { scope: 'col', class: kinds[place] }, title)),
        ),
      ),
      element(
        'tbody',
        {},
        rows.map((row) =>
          element(
            'tr',
            {},
            // On narrow screens a row is a list, and the titles stand before the cells.
            row.map((cell, place) => element('td', { class: kinds[place], 'data-title': titles[place] }, cell)),
          ),
        ),
      ),
    ),
  )
}

/** @param {string} severity */
export function severityBadge(severity) {
  return element('span', { class: `badge ${severity.toLowerCase()}` }, severity)
}

/** @type {Readonly<Record<string, readonly [string, string]>>} */
const OUTCOMES = {
  fail: ['✕', 'failed'],
  not_evaluated: ['?', 'not evaluated'],
  pass: ['✓', 'passed'],
  warning: ['!', 'warnings'],
}

/** @param {string} outcome */
export function outcomeMark(outcome) {
  const [sign = '', words = outcome] = OUTCOMES[outcome] ?? []
  return element('span', { class: `outcome ${outcome}` }, element('span', { 'aria-hidden': 'true' }, sign), ` ${words}`)
}
