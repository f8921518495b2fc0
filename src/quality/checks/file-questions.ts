/** What is asked of the rows of a file: the types of its columns, values that must be there, and the rules of its set. */
import type { CheckRule, Severity } from '../../core/file-check.ts'
import type { FileSet } from '../../core/file-set.ts'
import type { RuleDialect } from '../rules/rule-dialect.ts'
import { type ApartRule, compileRule, type LostRule, type RowRule, type RuleColumn } from '../rules/rule-sql.ts'
import type { ScanCounter } from './day-scan.ts'

/** A question that the one scan answers. */
export interface RowQuestion extends ScanCounter {
  /** - `type`: a value is none of its column's type. - `null`: it must be there. - `rule`: of the configuration. */
  readonly about: 'type' | 'null' | 'rule'
  readonly column: string | undefined
  readonly rule: CheckRule | undefined
  /** A row that fails cannot be loaded as it is. */
  readonly makesBad: boolean
  readonly severity: Severity
  readonly title: string
  /** True for a row that fails. */
  readonly condition: string
  /** What is at fault in the row. */
  readonly reason: string
}

export interface FileQuestions {
  readonly rows: readonly RowQuestion[]
  readonly apart: readonly ApartRule[]
  readonly lost: readonly LostRule[]
  /** True for a row that cannot be loaded as it is: by a value that is none of its type, or that must be there. */
  readonly isBadRow: string
}

export interface QuestionColumn extends RuleColumn {
  /** The text of the file; undefined: it has its type already, so that nothing can be wrong with it. */
  readonly raw: string | undefined
  readonly typeText: string
  readonly nullable: boolean
}

export interface QuestionScope {
  readonly dialect: RuleDialect
  readonly columns: ReadonlyMap<string, QuestionColumn>
  readonly decimalSeparator: '.' | ','
  /** Of types and missing values: less where bad rows are kept apart. */
  readonly badSeverity: Severity
}

export function questionsOf(set: FileSet, scope: QuestionScope): FileQuestions {
  const { columns, badSeverity } = scope
  const rows: RowQuestion[] = []
  const bad: string[] = []
  for (const column of columns.values()) {
    const { raw, value, name, typeText, nullable } = column
    const isKey = set.key.includes(name)
    if (raw !== undefined && raw !== value) {
      bad.push(`(${raw} IS NOT NULL AND ${value} IS NULL)`)
      rows.push({
        id: `structure.type.${name}`,
        about: 'type',
        column: name,
        rule: undefined,
        makesBad: true,
        severity: badSeverity,
        title: `${name} has values of type ${typeText}`,
        evaluated: `count(${raw})`,
        failed: `count(${raw}) - count(${value})`,
        condition: `${raw} IS NOT NULL AND ${value} IS NULL`,
        reason: `${name} is no ${typeText}`,
      })
    }
    const present = raw ?? value
    if (nullable && !isKey) continue
    bad.push(`${present} IS NULL`)
    if (saidByRule(name, set.rules)) continue
    rows.push({
      id: `structure.null.${name}`,
      about: 'null',
      column: name,
      rule: undefined,
      makesBad: true,
      severity: badSeverity,
      title: `${name} has a value in each row`,
      evaluated: 'count(*)',
      failed: `count(*) - count(${present})`,
      condition: `${present} IS NULL`,
      reason: `${name} has no value`,
    })
  }
  const apart: ApartRule[] = []
  const lost: LostRule[] = []
  for (const rule of [...keyRules(set), ...set.rules]) {
    const compiled = compileRule(rule, scope)
    if (compiled.kind === 'lost') lost.push(compiled)
    else if (compiled.kind === 'row') rows.push(ruleQuestion(compiled, badSeverity))
    else apart.push(compiled)
  }
  return { rows, apart, lost, isBadRow: bad.length === 0 ? 'FALSE' : bad.join(' OR ') }
}

/** A key that two rows have is no key: said without a rule, unless a rule says it. */
export function keyRules(set: FileSet): readonly CheckRule[] {
  const isAsked = set.rules.some(({ question }) => {
    return question.kind === 'unique' && question.columns.toSorted().join('\0') === set.key.toSorted().join('\0')
  })
  if (set.key.length === 0 || isAsked) return []
  return [
    {
      name: 'key',
      question: { kind: 'unique', columns: set.key, across: set.write === 'merge' ? 'file' : 'set' },
      // Where rows are merged by key the later one wins: that is allowed, and mostly not meant.
      severity: set.write === 'merge' ? 'WARNING' : 'CRITICAL',
      limit: {},
      fix: `Ask whoever makes the file why ${set.key.join(', ')} repeats; if it may, the key needs another column.`,
    },
  ]
}

function saidByRule(column: string, rules: readonly CheckRule[]): boolean {
  return rules.some(({ question }) => question.kind === 'not_null' && question.columns.includes(column))
}

function ruleQuestion({ rule, evaluated, failed, condition, reason }: RowRule, badSeverity: Severity): RowQuestion {
  const { question } = rule
  // A row without a value that must be there is a bad row, and kept apart where those are.
  const makesBad = question.kind === 'not_null' && rule.severity === 'CRITICAL'
  return {
    id: `rule.${rule.name}`,
    about: 'rule',
    column: 'column' in question ? question.column : undefined,
    rule,
    makesBad,
    severity: makesBad ? badSeverity : rule.severity,
    title: ruleTitle(rule),
    evaluated,
    failed,
    condition,
    reason,
  }
}

export function ruleTitle({ name, question }: CheckRule): string {
  switch (question.kind) {
    case 'unique':
      return `${question.columns.join(', ')} is unique${question.across === 'set' ? ' in all files of the set' : ''}`
    case 'references':
      return `${question.column} is one of ${question.fileColumn} in ${question.file}`
    default:
      return `Rule ${name}`
  }
}
