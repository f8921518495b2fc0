/** Results of file checks, made from a seed: of any size, with everything that a report has to show. */
import {
  type BadRowSample,
  type CheckResult,
  type CheckRun,
  type DayResult,
  type FileResult,
  RESULT_VERSION,
  type Severity,
  type Verdict,
} from '../../src/core/file-check.ts'

export interface CheckRunShape {
  readonly seed?: number
  /** Default 12. */
  readonly rules?: number
  /** Default 60. */
  readonly days?: number
  /** The first day. Default `2024-01-01`. */
  readonly from?: string
  /** Default 1. The days are dealt out to them. */
  readonly files?: number
  /** Of the rules, how many fail. Default 0.15. */
  readonly failing?: number
  readonly run?: string
  readonly startedMs?: number
  /** Values of samples; one that a browser must not take for anything but text. */
  readonly cell?: string
}

const DAY_MS = 86_400_000
const COLUMNS = ['id', 'day', 'shop', 'product', 'amount', 'currency', 'customer', 'note', 'country', 'channel']
const SEVERITIES: readonly Severity[] = ['CRITICAL', 'WARNING', 'WARNING', 'INFO']

export function makeCheckRun(shape: CheckRunShape = {}): CheckRun {
  const { seed = 1, rules = 12, days = 60, from = '2024-01-01', files = 1, failing = 0.15 } = shape
  const random = randomFrom(seed)
  const startedMs = shape.startedMs ?? Date.UTC(2024, 4, 2, 6, 30)
  const names = [...Array(rules).keys()].map((index) => `rule.${RULE_WORDS[index % RULE_WORDS.length]}_${index}`)
  const failed = names.filter(() => random() < failing)
  const perFile = Math.ceil(days / files)
  const results = [...Array(files).keys()].map((index) => {
    const first = Date.parse(from) + index * perFile * DAY_MS
    const dayResults = makeDays(random, first, Math.min(perFile, days - index * perFile), failed)
    return makeFile(random, index, files, dayResults, names, new Set(failed), shape.cell)
  })
  return {
    version: RESULT_VERSION,
    run: shape.run ?? `20240502T063000Z-${seed.toString(16).padStart(4, '0')}`,
    command: 'files check data/sales_*.tsv.gz',
    startedMs,
    endedMs: startedMs + 41_200,
    user: 'loader',
    host: 'etl-7',
    toolVersion: '0.1.0',
    configChecksum: `sha256:${hex(random, 64)}`,
    calendar: ['de: Germany, Bavaria, with 2 closures of its own'],
    verdict: worst(results.map(({ verdict }) => verdict)),
    files: results,
    sets: [
      {
        set: 'monthly.files.sales',
        checks: [
          check('rule.unique_across', 'rule', 'CRITICAL', 'pass', 'id is unique across all files', 1000, 0),
          check('completeness.periods', 'completeness', 'WARNING', 'fail', '2023-12 is missing', 13, 1),
        ],
        missingPeriods: ['2023-12'],
      },
    ],
    loads: results.map(({ file, verdict, coverage }) => ({
      file,
      outcome: verdict === 'fail' ? 'refused' : 'loaded',
      rows: verdict === 'fail' ? 0 : coverage.parsed,
      position: verdict === 'fail' ? undefined : '0001/00000000000000A0',
      message: verdict === 'fail' ? 'A CRITICAL check failed' : undefined,
    })),
    deletions: [],
    peakRssMiB: 1180,
  }
}

/** 1,000 rules over 400 days, nearly all of which fail somewhere: the size that reports are made for. */
export function makeLargeCheckRun(): CheckRun {
  return makeCheckRun({ seed: 7, rules: 1000, days: 400, from: '2023-01-01', failing: 0.9 })
}

const RULE_WORDS = ['amount_positive', 'currency_known', 'country_code', 'customer_known', 'note_length', 'shop_open']

function makeFile(
  random: () => number,
  index: number,
  files: number,
  days: readonly DayResult[],
  names: readonly string[],
  failed: ReadonlySet<string>,
  cell: string | undefined,
): FileResult {
  const parsed = days.reduce((sum, { rows }) => sum + rows, 0)
  const rejected = index % 3 === 0 ? 7 : 0
  const month = days[0]?.day.slice(0, files === 1 ? 7 : 10) ?? '2024-01'
  const checks: CheckResult[] = [
    check('structure.columns', 'structure', 'CRITICAL', 'pass', '10 columns, as configured', 10, 0),
    {
      ...check('structure.column_order', 'structure', 'WARNING', 'fail', 'note and country have changed places', 10, 2),
      fix: 'Write them in the order of the configuration, or turn the columns around there.',
    },
    check('structure.encoding', 'structure', 'CRITICAL', 'pass', 'UTF-8 throughout', parsed + rejected, 0),
    check('coverage.records', 'coverage', 'CRITICAL', 'pass', 'Every record is accounted for', parsed + rejected, 0),
    check('volume.rows', 'volume', 'WARNING', 'pass', 'Within 1,000 and 5,000,000 rows', parsed, 0),
    dayCheck('completeness.days', 'completeness', 'CRITICAL', days, ['missing', 'partial'], 'missing or partial'),
    dayCheck('anomaly.rows', 'anomaly', 'WARNING', days, ['anomaly'], 'out of the band'),
    ...names.map((name, rule) => {
      const bad = failed.has(name) ? days.reduce((sum, day) => sum + (day.failed[name] ?? 0), 0) : 0
      const severity = SEVERITIES[rule % SEVERITIES.length] ?? 'INFO'
      const outcome = bad > 0 ? 'fail' : rule % 97 === 96 ? 'not_evaluated' : 'pass'
      const text = bad > 0 ? `${bad} of ${parsed} rows are not what ${name} wants` : 'No row fails'
      return {
        ...check(name, 'rule', severity, outcome, text, outcome === 'not_evaluated' ? 0 : parsed, bad),
        sql: `SELECT count(*) FILTER (WHERE NOT (amount > ${rule} AND currency IN ('EUR', 'USD')))\nFROM file\nGROUP BY day`,
        why: 'Amounts below zero are booked as refunds, which doubles them in the monthly statement.',
        fix: 'Ask the shop to send the correction as a row of its own.',
        samples: bad > 0 ? makeSamples(random, days, cell) : [],
      }
    }),
  ]
  return {
    set: 'monthly.files.sales',
    file: `data/sales_${month}.tsv.gz`,
    bytes: parsed * 41,
    modifiedMs: Date.UTC(2024, 4, 2, 4, 12),
    checksum: `sha256:${hex(random, 64)}`,
    period: month,
    verdict: verdictOf(checks),
    reasons: reasonsOf(checks),
    coverage: {
      bytes: parsed * 41,
      unpackedBytes: parsed * 123,
      records: parsed + rejected,
      parsed,
      rejected,
      complete: true,
    },
    checks,
    days,
    badRows: rejected > 0 ? { rows: rejected, path: `.simplyload/files/bad/sales_${month}.parquet` } : undefined,
    durationMs: 8_200,
  }
}

function makeDays(random: () => number, first: number, count: number, failed: readonly string[]): readonly DayResult[] {
  return [...Array(Math.max(0, count)).keys()].map((index) => {
    const date = new Date(first + index * DAY_MS)
    const weekday = date.getUTCDay()
    const isClosed = weekday === 0
    const name = ['Sunday', 'weekday', 'weekday', 'weekday', 'weekday', 'weekday', 'Saturday'][weekday] ?? ''
    const expected = Math.round((weekday === 6 ? 3200 : 9000) * (1 + index / 2000))
    const draw = random()
    const status = isClosed
      ? draw < 0.04
        ? 'unexpected'
        : 'closed'
      : index < 21
        ? 'learning'
        : (STATUSES[Math.floor(draw * 60)] ?? 'ok')
    const rows = Math.round(expected * (FACTORS[status] ?? 1) * (0.95 + random() * 0.1))
    return {
      day: date.toISOString().slice(0, 10),
      rows,
      sums: { amount: (rows * 17.31).toFixed(2) },
      name,
      expected: !isClosed,
      status,
      band:
        isClosed || status === 'learning'
          ? undefined
          : { expected, lower: Math.round(expected * 0.8), upper: Math.round(expected * 1.2) },
      failed: Object.fromEntries(
        rows === 0 ? [] : failed.flatMap((rule) => (random() < 0.5 ? [[rule, 1 + Math.floor(random() * 900)]] : [])),
      ),
    }
  })
}

const STATUSES: readonly DayResult['status'][] = ['missing', 'partial', 'anomaly', 'duplicate']
const FACTORS: Partial<Record<DayResult['status'], number>> = {
  missing: 0,
  closed: 0,
  unexpected: 0.02,
  partial: 0.3,
  anomaly: 1.9,
  duplicate: 2,
}

function makeSamples(
  random: () => number,
  days: readonly DayResult[],
  cell = 'Bücher, gebraucht',
): readonly BadRowSample[] {
  return [...Array(5).keys()].map((index) => {
    const line = 2 + Math.floor(random() * 3_000_000)
    const day = days[Math.floor(random() * days.length)]?.day
    const values = COLUMNS.map((column, place) => [
      column,
      column === 'day' ? (day ?? null) : place === 7 ? cell : hex(random, 8),
    ])
    return {
      line,
      byteOffset: line * 123,
      values: Object.fromEntries([...values, ['customer', '***'], ['channel', index === 1 ? null : 'web']]),
      reason: 'amount is -12.50, not above 0',
      day,
    }
  })
}

function dayCheck(
  id: string,
  kind: CheckResult['kind'],
  severity: Severity,
  days: readonly DayResult[],
  statuses: readonly string[],
  what: string,
): CheckResult {
  const bad = days.filter(({ status }) => statuses.includes(status)).map(({ day }) => day)
  const asked = days.filter(({ expected }) => expected).length
  const text =
    bad.length === 0 ? `All ${asked} days are there` : `${bad.length} of ${asked} days are ${what}: ${bad[0]}`
  return { ...check(id, kind, severity, bad.length > 0 ? 'fail' : 'pass', text, asked, bad.length), days: bad }
}

function check(
  id: string,
  kind: CheckResult['kind'],
  severity: Severity,
  outcome: CheckResult['outcome'],
  message: string,
  evaluated: number,
  failed: number,
): CheckResult {
  const title = id.slice(id.indexOf('.') + 1).replaceAll('_', ' ')
  const rest = { limit: {}, sql: undefined, why: undefined, fix: undefined, samples: [], days: [] }
  return { id, kind, title, severity, outcome, message, evaluated, failed, ...rest }
}

function verdictOf(checks: readonly CheckResult[]): Verdict {
  const bad = checks.filter(({ outcome }) => outcome !== 'pass')
  if (bad.some(({ severity }) => severity === 'CRITICAL')) return 'fail'
  return bad.some(({ severity }) => severity === 'WARNING') ? 'warning' : 'pass'
}

function reasonsOf(checks: readonly CheckResult[]): readonly string[] {
  return checks
    .filter(({ outcome, severity }) => outcome === 'fail' && severity !== 'INFO')
    .sort((a, b) => (a.severity < b.severity ? -1 : Number(a.severity > b.severity)))
    .slice(0, 3)
    .map(({ message }) => `${message}.`)
}

function worst(verdicts: readonly Verdict[]): Verdict {
  return verdicts.includes('fail') ? 'fail' : verdicts.includes('warning') ? 'warning' : 'pass'
}

function hex(random: () => number, digits: number): string {
  return [...Array(digits)].map(() => Math.floor(random() * 16).toString(16)).join('')
}

/** Mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296
  }
}
