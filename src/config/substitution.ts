/** `${VAR}` and `${VAR:-default}` in the texts of a configuration; `$${` stands for the characters `${`. */
import type { ConfigTree, KeyPath } from './config-tree.ts'
import type { ConfigProblem } from './problem.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Changes `tree`. Returns the problems; where a variable is missing the text keeps its `${VAR}`. */
export function substituteVariables(tree: ConfigTree, environment: Environment): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  visit(tree.root, [], (path, text) => {
    const entry = tree.entry(path)
    if (entry === undefined || !text.includes('${')) return
    const variables: string[] = []
    const report = (message: string, missingVariable?: string): void => {
      problems.push({
        path,
        origin: entry.value,
        message,
        ...(missingVariable === undefined ? {} : { missingVariable }),
      })
    }
    const result = text.replace(/\$\$\{|\$\{([^}]*)(\}?)/g, (whole, inner?: string, closed?: string) => {
      if (inner === undefined) return '${'
      const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inner)
      if (match === null || closed === '') {
        report(
          `has \${ that does not begin \${VARIABLE} or \${VARIABLE:-default}; write $\${ for the characters themselves`,
        )
        return whole
      }
      const [, name = '', fallback] = match
      variables.push(name)
      const value = environment[name]
      if (value !== undefined && (value !== '' || fallback === undefined)) return value
      if (fallback !== undefined) return fallback
      report(`the environment variable ${name} is not set`, name)
      return whole
    })
    tree.set(path, result, { ...entry, variables, retype: variables.length > 0 })
  })
  return problems
}

/** Names that the texts of the tree refer to. */
export function variablesIn(root: unknown): ReadonlySet<string> {
  const names = new Set<string>()
  visit(root, [], (_, text) => {
    for (const [, name = ''] of text.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)/g)) names.add(name)
  })
  return names
}

function visit(value: unknown, path: KeyPath, found: (path: KeyPath, text: string) => void): void {
  if (typeof value === 'string') found(path, value)
  else if (Array.isArray(value)) for (const [index, item] of value.entries()) visit(item, [...path, index], found)
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) visit(item, [...path, key], found)
  }
}
