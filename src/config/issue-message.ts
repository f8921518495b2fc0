/** What zod finds wrong → a sentence about the key, with what was expected and what was found. */
import type { z } from 'zod'
import { nearest } from '../core/nearest.ts'
import type { ConfigTree, KeyPath } from './config-tree.ts'
import { unknownKey } from './overrides.ts'
import type { ConfigProblem } from './problem.ts'
import { isSecretKey } from './redact.ts'
import { knownKeys, schemasAt } from './schema-walk.ts'

type Schema = z.core.$ZodType
type Issue = z.core.$ZodIssue

const SHOWN_LENGTH_MAX = 60

/** Of unions without a message of their own: what is wrong is said by the alternative that was meant. */
const NO_MESSAGE = 'is not valid'

/** For zod's `error` option: the sentence where a schema has none of its own. */
export function expectation(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${NOUNS[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return `must be ${oneOf(issue.values.map(String))}`
    case 'too_small':
      return `must ${bound(issue.origin, 'least', Number(issue.minimum))}`
    case 'too_big':
      return `must ${bound(issue.origin, 'most', Number(issue.maximum))}`
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`
    case 'invalid_format':
      return `must have the form ${issue.pattern ?? issue.format}`
    default:
      return NO_MESSAGE
  }
}

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping (key: value)',
  record: 'a mapping (key: value)',
}

export function problemsOf(schema: Schema, tree: ConfigTree, issues: readonly Issue[]): readonly ConfigProblem[] {
  return unfold(issues).flatMap((issue): readonly ConfigProblem[] => {
    const path = issue.path as KeyPath
    if (issue.code === 'unrecognized_keys') {
      const known = knownKeys(schemasAt(schema, tree.root, path))
      return issue.keys.map((key) => ({
        path,
        origin: tree.nearestEntry([...path, key])?.key,
        message: unknownKey(key, nearest(key, known), known),
      }))
    }
    const value = tree.get(path)
    const entry = tree.nearestEntry(path)
    const origin = value === undefined || issue.code === 'invalid_key' ? entry?.key : entry?.value
    return [{ path, origin, message: sentence(schema, tree, issue, path, value) }]
  })
}

function sentence(schema: Schema, tree: ConfigTree, issue: Issue, path: KeyPath, value: unknown): string {
  const options = optionsOf(schema, tree, issue, path)
  const message = issue.code === 'invalid_union' ? unionSentence(issue, options) : issue.message
  if (value === undefined)
    return issue.code === 'custom' ? message : `is missing; it ${message}${misspelt(tree, issue, path)}`
  const found = describeFound(tree, path, value, issue.code)
  const suggestion = typeof value === 'string' && isShown(tree, path) ? nearest(value, options) : undefined
  return `${message}${found === undefined ? '' : ` (found ${found})`}${suggestion === undefined ? '' : `, did you mean ${suggestion}?`}`
}

/** Without its `type` nothing is known of a mapping, so keys of it that are unknown are not told either. */
function misspelt(tree: ConfigTree, issue: Issue, path: KeyPath): string {
  const [parent, key] = [tree.get(path.slice(0, -1)), path.at(-1)]
  if (issue.code !== 'invalid_union' || typeof parent !== 'object' || parent === null) return ''
  const meant = Object.keys(parent).find((each) => nearest(each, [String(key)]) !== undefined)
  return meant === undefined ? '' : ` (is ${meant} meant to be ${String(key)}?)`
}

/** Texts of which the value must be one. */
function optionsOf(schema: Schema, tree: ConfigTree, issue: Issue, path: KeyPath): readonly string[] {
  if (issue.code === 'invalid_value') return issue.values.map(String)
  if (issue.code !== 'invalid_union' || !('discriminator' in issue) || issue.discriminator === undefined) return []
  const connectors = schemasAt(schema, tree.root, path.slice(0, -1))
  return connectors.flatMap((each) => [...(each._zod.propValues?.type ?? [])].map(String))
}

/** No connector has the given `type`, or no alternative takes this kind of value. */
function unionSentence(issue: z.core.$ZodIssueInvalidUnion, options: readonly string[]): string {
  if (issue.message !== NO_MESSAGE) return issue.message
  if (options.length > 0) return `must be ${oneOf(options)}`
  const messages = issue.errors.flatMap((errors) => errors.filter((error) => error.path.length === 0))
  return `must be ${[...new Set(messages.map((error) => error.message.replace(/^must be /, '')))].join(', or ')}`
}

/**
 * Of a union the problems of the alternative that was meant: the one whose kind of value this is. Problems of keys and
 * of elements are those of the keys and elements.
 */
export function unfold(issues: readonly Issue[]): readonly Issue[] {
  return issues.flatMap((issue): readonly Issue[] => {
    if (issue.code === 'invalid_union') {
      const meant = issue.errors.filter(
        (errors) => !errors.some((error) => error.path.length === 0 && error.code === 'invalid_type'),
      )
      // A mapping is no word of a list either, but what is wrong within it says more.
      const within = meant.filter((errors) =>
        errors.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
      )
      const [only, ...others] = within.length > 0 ? within : meant
      if (only !== undefined && others.length === 0) return unfold(only.map((error) => under(issue.path, error)))
      return [issue]
    }
    if (issue.code === 'invalid_key') {
      return issue.issues.map((error) => ({ ...issue, message: error.message }))
    }
    if (issue.code === 'invalid_element') return unfold(issue.issues.map((error) => under(issue.path, error)))
    return [issue]
  })
}

function under(path: readonly PropertyKey[], issue: Issue): Issue {
  return { ...issue, path: [...path, ...issue.path] }
}

/** Undefined where it would tell nothing: that a mapping is one when what is in it is wrong. */
function describeFound(tree: ConfigTree, path: KeyPath, value: unknown, code: Issue['code']): string | undefined {
  if (value === null) return 'nothing'
  if (typeof value === 'object') {
    if (code !== 'invalid_type' && code !== 'invalid_union') return undefined
    return Array.isArray(value) ? 'a list' : 'a mapping'
  }
  const variables = tree.nearestEntry(path)?.variables ?? []
  if (variables.length > 0) return `the value of ${variables.join(', ')}`
  if (!isShown(tree, path)) return 'a value that is not shown'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text
}

function isShown(tree: ConfigTree, path: KeyPath): boolean {
  const entry = tree.nearestEntry(path)
  const isMade = entry?.value.kind === 'module' || (entry?.variables ?? []).length > 0
  return !isMade && !path.some((key) => typeof key === 'string' && isSecretKey(key))
}

function bound(origin: string, word: 'least' | 'most', limit: number): string {
  if (origin === 'string')
    return word === 'least' && limit === 1 ? 'not be empty' : `have at ${word} ${limit} characters`
  if (origin === 'array' || origin === 'set') return `have at ${word} ${limit} ${limit === 1 ? 'entry' : 'entries'}`
  return `be at ${word} ${limit}`
}

function oneOf(options: readonly string[]): string {
  return options.length === 1 ? (options[0] ?? '') : `one of ${options.join(', ')}`
}
