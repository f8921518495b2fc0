/** Random values as SQL literals, nasty ones among them. */
import type { Random } from './random.ts'

/** Text that some pipeline somewhere took for something else: markers, separators, quotes, escapes. */
const NASTY_TEXTS = [
  '',
  ' ',
  ',3,',
  ',1,2,3,4,5,6,7,8,9,',
  '_unchanged',
  '__debezium_unavailable_value',
  'NULL',
  'null',
  '\\N',
  '\\.',
  '"',
  "it's",
  '""quoted""',
  'a,b;c\td',
  'line\nbreak\r\nand another',
  '{"a": [1, null]}',
  '[]',
  '{}',
  '$1',
  '%s',
  'é',
  'e\u0301',
  '😀 and 你好',
  '\u0001\u007f\u0080',
  "'; DROP TABLE accounts; --",
  'true',
  'NaN',
  'infinity',
] as const

const KEY_TEXTS = ['k', 'K', 'k ', ' k', 'ä', 'a\u0308', 'a,b', '["x"]', '"', '\\', '😀', '_op', 'null', ''] as const

const DAY_MS = 86_400_000

export function textLiteral(text: string): string {
  const doubled = text.replaceAll("'", "''")
  return text.includes('\\') ? ` E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`
}

/** One of few, so that keys come back. */
export function integerKey(random: Random): number {
  return random.chance(0.9) ? random.integer(1, 300) : random.integer(-3, 32_000)
}

export function textKey(random: Random): string {
  return `${random.pick(KEY_TEXTS)}${random.integer(1, 40)}`
}

/** Long enough that it is stored out of line, where the column allows it. */
export function bigText(random: Random): string {
  if (random.chance(0.1)) return `repeat(${textLiteral(random.letters(7))}, ${random.integer(500, 3000)})`
  return textLiteral(random.letters(random.integer(2100, 9000)))
}

export function anyText(random: Random): string {
  return random.chance(0.5) ? random.pick(NASTY_TEXTS) : random.letters(random.integer(1, 40))
}

/** `type` as `format_type` writes it. */
export function randomValue(random: Random, type: string, big = false): string {
  if (random.chance(0.12)) return 'NULL'
  const element = /^(.*)\[\]$/.exec(type)?.[1]
  if (element !== undefined) {
    const items = Array.from({ length: random.integer(0, 4) }, () => randomValue(random, element))
    return `ARRAY[${items.join(', ')}]::${type}`
  }
  return `${plainValue(random, type, big)}::${type}`
}

function plainValue(random: Random, type: string, big: boolean): string {
  const plain = type.replace(/\(.*\)/, '')
  switch (plain) {
    case 'smallint':
      return `'${random.pick([0, 1, -1, 32_767, -32_768, random.integer(-999, 999)])}'`
    case 'integer':
      return `'${random.pick([0, 2_147_483_647, -2_147_483_648, random.integer(-999_999, 999_999)])}'`
    case 'bigint':
      return `'${random.pick(['0', '9223372036854775807', '-9223372036854775808', '9007199254740993', String(random.integer(-1e9, 1e9))])}'`
    case 'numeric':
      return numericValue(random, type)
    case 'real':
    case 'double precision':
      return `'${random.pick(['0', '-0', 'NaN', 'Infinity', '-Infinity', '0.1', '1e-30', String(random.next() * 1e6)])}'`
    case 'boolean':
      return random.chance(0.5) ? 'true' : 'false'
    case 'text':
    case 'character varying':
      return big ? bigText(random) : textLiteral(anyText(random).slice(0, 40))
    case 'character':
      return textLiteral(random.letters(random.integer(0, 6)))
    case 'bytea':
      return big
        ? `decode(${textLiteral(hex(random, random.integer(2100, 4000)))}, 'hex')`
        : `'\\x${hex(random, random.integer(0, 20))}'`
    case 'jsonb':
    case 'json':
      return big ? `jsonb_build_object('big', ${bigText(random)})` : textLiteral(JSON.stringify(randomJson(random, 2)))
    case 'uuid':
      return `'${hex(random, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}'`
    case 'date':
      return `'${moment(random).slice(0, 10)}'`
    case 'time without time zone':
      return `'${random.chance(0.1) ? '24:00:00' : moment(random).slice(11)}'`
    case 'timestamp without time zone':
      return `'${moment(random)}'`
    case 'timestamp with time zone':
      return `'${moment(random)}+00'`
    default:
      throw new Error(`the generator makes no ${type}`)
  }
}

function numericValue(random: Random, type: string): string {
  const match = /\((\d+),(-?\d+)\)/.exec(type)
  if (match === null) {
    const digits = random.integer(1, 60)
    return `'${random.pick(['NaN', 'Infinity', '0', '0.00', `${random.integer(-9, 9)}.${'12345'.repeat(digits)}`, `-${'9876543210'.repeat(digits)}`])}'`
  }
  // A constrained column becomes a DECIMAL, which has no NaN: NULL and an entry in quarantine.
  if (random.chance(0.03)) return `'NaN'`
  const [precision, scale] = [Number(match[1]), Number(match[2])]
  const whole = Array.from({ length: random.integer(1, precision - scale) }, () => random.integer(0, 9)).join('')
  const fraction = Array.from({ length: scale }, () => random.integer(0, 9)).join('')
  return `'${random.chance(0.4) ? '-' : ''}${whole}${scale > 0 ? `.${fraction}` : ''}'`
}

function moment(random: Random): string {
  const ms = random.integer(-25_000, 80_000) * DAY_MS + random.integer(0, DAY_MS)
  const micros = random.pick(['', '.5', '.000001', '.123456'])
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ') + micros
}

function randomJson(random: Random, depth: number): unknown {
  if (depth === 0 || random.chance(0.4)) return random.pick([null, true, 0, -1.5, 1e21, '', anyText(random)])
  const items = Array.from({ length: random.integer(0, 3) }, () => randomJson(random, depth - 1))
  return random.chance(0.5) ? items : Object.fromEntries(items.map((item) => [anyText(random), item]))
}

function hex(random: Random, bytes: number): string {
  return Array.from({ length: bytes }, () => random.integer(0, 255).toString(16).padStart(2, '0')).join('')
}
