/** YAML text → a tree of values with their places. Everything that YAML gets wrong silently is a problem here. */
import type { Document, Node, Pair, YAMLError } from 'yaml'
import { ConfigTree, type KeyPath, type Origin } from './config-tree.ts'
import type { ConfigProblem } from './problem.ts'

type Yaml = typeof import('yaml')

export interface YamlFile {
  readonly tree: ConfigTree
  readonly problems: readonly ConfigProblem[]
  /** False: the text is not YAML, so that `tree` says nothing. */
  readonly readable: boolean
}

// With aliases a few lines can stand for any number of values.
const VALUES_MAX = 100_000
const DEPTH_MAX = 20

export async function readYaml(text: string): Promise<YamlFile> {
  // About 20 ms to load.
  const yaml = await import('yaml')
  return new Reader(yaml, text).read()
}

class Reader {
  readonly #yaml: Yaml
  readonly #text: string
  readonly #lines: InstanceType<Yaml['LineCounter']>
  readonly #document: Document.Parsed
  readonly #tree = new ConfigTree()
  readonly #problems: ConfigProblem[] = []
  #values = 0
  #tooLarge = false

  constructor(yaml: Yaml, text: string) {
    this.#yaml = yaml
    this.#text = text
    this.#lines = new yaml.LineCounter()
    this.#document = yaml.parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, version: '1.2' })
  }

  read(): YamlFile {
    const { errors, warnings, contents } = this.#document
    for (const error of this.#firstOfEachLine([...errors, ...warnings])) {
      this.#report([], error.pos[0], this.#explain(error))
    }
    const readable = errors.every((error) => error.code === 'DUPLICATE_KEY')
    if (readable && contents === null) this.#report([], 0, 'the file is empty; `simplyload init` writes one')
    else if (readable && !this.#yaml.isMap(contents)) this.#report([], 0, 'must be a mapping: `version: 1` and so on')
    else if (readable) this.#take([], contents, undefined)
    return { tree: this.#tree, problems: this.#problems, readable: readable && this.#tree.root !== undefined }
  }

  #take(path: KeyPath, node: unknown, keyNode: unknown): void {
    const { isAlias, isMap, isSeq, isScalar } = this.#yaml
    if (isAlias(node)) {
      const target = node.resolve(this.#document)
      if (target !== undefined) this.#take(path, target, keyNode ?? node)
      else
        this.#report(
          path,
          offsetOf(node),
          'a value that begins with * is a reference in YAML: put it in quotes if it is text',
        )
      return
    }
    if (++this.#values > VALUES_MAX || path.length > DEPTH_MAX) {
      if (!this.#tooLarge)
        this.#report([], offsetOf(keyNode), 'the file has more values, or deeper ones, than a configuration can have')
      this.#tooLarge = true
      return
    }
    const value = this.#originAt(offsetOf(node) ?? offsetOf(keyNode))
    const entry = { key: this.#originAt(offsetOf(keyNode) ?? offsetOf(node)), value, variables: [], retype: false }
    if (isMap(node)) {
      this.#tree.set(path, {}, entry)
      for (const pair of node.items) this.#takePair(path, pair)
    } else if (isSeq(node)) {
      this.#tree.set(path, [], entry)
      for (const [index, item] of node.items.entries()) this.#take([...path, index], item, undefined)
    } else {
      const scalar = isScalar(node) ? node.value : null
      // `sync:` with nothing behind it, all its keys in comments, is as if it were not there; in a list it is an error.
      if (scalar === null && keyNode !== undefined) return
      this.#tree.set(path, scalar, entry)
    }
  }

  #takePair(path: KeyPath, pair: Pair): void {
    const { key } = pair
    if (!this.#yaml.isScalar(key) || key.value === '__proto__') {
      this.#report(path, offsetOf(key), 'has a key that is no name')
      return
    }
    this.#take([...path, String(key.value)], pair.value, key)
  }

  #report(path: KeyPath, offset: number | undefined, message: string): void {
    this.#problems.push({ path, origin: this.#originAt(offset), message })
  }

  /** What comes after the first mistake of a line mostly follows from it. */
  #firstOfEachLine(errors: readonly YAMLError[]): readonly YAMLError[] {
    const lines = new Map<number, YAMLError>()
    for (const error of errors.toSorted((a, b) => a.pos[0] - b.pos[0])) {
      const { line } = this.#lines.linePos(error.pos[0])
      if (!lines.has(line)) lines.set(line, error)
    }
    return [...lines.values()]
  }

  #originAt(offset: number | undefined): Origin {
    const { line, col } = this.#lines.linePos(offset ?? 0)
    return { kind: 'file', line: Math.max(line, 1), column: Math.max(col, 1) }
  }

  /** The parser's own words, except where they are hard to understand or repeat the text, which may be a secret. */
  #explain(error: YAMLError): string {
    switch (error.code) {
      case 'TAB_AS_INDENT':
        return 'YAML does not take tabs for indentation: use spaces'
      case 'DUPLICATE_KEY':
        return 'this key was given before in the same mapping'
      case 'TAG_RESOLVE_FAILED':
        return 'a value that begins with ! is a tag in YAML: put it in quotes if it is text'
      case 'MULTIPLE_DOCS':
        return 'the file must have one document: remove the line with ---'
    }
    const line = this.#text.split('\n')[this.#lines.linePos(error.pos[0]).line - 1] ?? ''
    const braces = /[{[].*\$\{/.test(line) ? `. Between { } or [ ], put values with \${…} in quotes` : ''
    return `this is not YAML: ${error.message.replace(/: .*$/s, '').replace(/"[^"]*"/g, '…')}${braces}`
  }
}

function offsetOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0]
}
