/** Text, hashes and regular expressions (docs: sql-reference/functions-string). Positions count from 1. */
import type { Binder, FunctionBinder, FunctionTable } from './binding.ts'
import { argument, boundArguments, unknown } from './binding.ts'
import { asText, cast } from './cast.ts'
import { textLiteral } from './stored-name.ts'
import type { Call } from './syntax-tree.ts'
import type { Value } from './value.ts'
import { BOOLEAN, number, TEXT, VARIANT, value } from './value.ts'

const INTEGER = number(18, 0)

export const textFunctions: FunctionTable = {
  UPPER: mapped('upper'),
  LOWER: mapped('lower'),
  REVERSE: mapped('reverse'),
  INITCAP: (call, binder) => {
    const [of] = texts(call, binder, 1)
    const word = 'upper(left(w, 1)) || lower(substr(w, 2))'
    return value(
      `list_aggregate(list_transform(regexp_extract_all(${of}, '\\w+|\\W+'), lambda w: ${word}), 'string_agg', '')`,
      TEXT,
    )
  },
  LENGTH: (call, binder) => {
    const [of] = boundArguments(call, binder, 1)
    if (of?.type.kind === 'BINARY') return value(`octet_length(${of.sql})`, INTEGER, { exact: false })
    return value(`length(${texts(call, binder, 1)[0]})`, INTEGER, { exact: false })
  },
  LEN: (call, binder) => value(`length(${texts(call, binder, 1)[0]})`, INTEGER, { exact: false }),
  OCTET_LENGTH: (call, binder) => value(`strlen(${texts(call, binder, 1)[0]})`, INTEGER, { exact: false }),
  CONCAT: (call, binder) => {
    const args = texts(call, binder, 1, Number.POSITIVE_INFINITY)
    return value(`CAST(${args.join(' || ')} AS VARCHAR)`, TEXT)
  },
  CONCAT_WS: (call, binder) => {
    const [separator, ...args] = texts(call, binder, 2, Number.POSITIVE_INFINITY)
    // One NULL makes it all NULL, unlike DuckDB's concat_ws.
    return value(`CAST(${args.join(` || ${separator} || `)} AS VARCHAR)`, TEXT)
  },
  TRIM: trimmed('trim'),
  LTRIM: trimmed('ltrim'),
  RTRIM: trimmed('rtrim'),
  LEFT: (call, binder) => part(call, binder, (text, length) => `left(${text}, CAST(greatest(${length}, 0) AS BIGINT))`),
  RIGHT: (call, binder) =>
    part(call, binder, (text, length) => `right(${text}, CAST(greatest(${length}, 0) AS BIGINT))`),
  SUBSTR: substring,
  SUBSTRING: substring,
  REPEAT: (call, binder) => part(call, binder, (text, count) => `repeat(${text}, CAST(${count} AS BIGINT))`),
  REPLACE: (call, binder) => {
    const [of, from, to = "''"] = texts(call, binder, 2, 3)
    return value(`replace(${of}, ${from}, ${to})`, TEXT)
  },
  TRANSLATE: (call, binder) => {
    const [of, from, to] = texts(call, binder, 3)
    return value(`translate(${of}, ${from}, ${to})`, TEXT)
  },
  LPAD: padded('lpad'),
  RPAD: padded('rpad'),
  SPACE: (call, binder) => value(`repeat(' ', CAST(${boundArguments(call, binder, 1)[0]?.sql} AS BIGINT))`, TEXT),
  STARTSWITH: (call, binder) => test(call, binder, (a, b) => `starts_with(${a}, ${b})`),
  ENDSWITH: (call, binder) => test(call, binder, (a, b) => `ends_with(${a}, ${b})`),
  CONTAINS: (call, binder) => test(call, binder, (a, b) => `contains(${a}, ${b})`),
  POSITION: position,
  CHARINDEX: position,
  ASCII: (call, binder) => value(`ascii(${texts(call, binder, 1)[0]})`, number(18, 0), { exact: false }),
  CHR: character,
  CHAR: character,
  UNICODE: (call, binder) => value(`unicode(${texts(call, binder, 1)[0]})`, number(18, 0), { exact: false }),
  SPLIT: (call, binder) => {
    const [of, by] = texts(call, binder, 2)
    return value(`CAST(to_json(string_split(${of}, ${by})) AS JSON)`, { kind: 'ARRAY' })
  },
  SPLIT_PART: (call, binder) => {
    const args = boundArguments(call, binder, 3)
    const [of, by] = args.slice(0, 2).map((one) => asText(binder.statement, one).sql)
    // Part 0 is part 1; a part that is not there is an empty string.
    const index = argument(args, 2).sql
    return value(`split_part(${of}, ${by}, CAST(CASE WHEN ${index} = 0 THEN 1 ELSE ${index} END AS BIGINT))`, TEXT)
  },
  MD5: (call, binder) => value(`md5(${hashed(call, binder)})`, { kind: 'VARCHAR', length: 32 }),
  MD5_HEX: (call, binder) => value(`md5(${hashed(call, binder)})`, { kind: 'VARCHAR', length: 32 }),
  MD5_BINARY: (call, binder) => value(`unhex(md5(${hashed(call, binder)}))`, { kind: 'BINARY', length: 16 }),
  MD5_NUMBER_LOWER64: (call, binder) =>
    value(`CAST(('0x' || substr(md5(${hashed(call, binder)}), 17, 16)) AS UBIGINT)`, number(20, 0), { exact: false }),
  MD5_NUMBER_UPPER64: (call, binder) =>
    value(`CAST(('0x' || substr(md5(${hashed(call, binder)}), 1, 16)) AS UBIGINT)`, number(20, 0), { exact: false }),
  SHA1: (call, binder) => value(`sha1(${hashed(call, binder)})`, { kind: 'VARCHAR', length: 40 }),
  SHA1_HEX: (call, binder) => value(`sha1(${hashed(call, binder)})`, { kind: 'VARCHAR', length: 40 }),
  SHA2: (call, binder) => value(sha2(call, binder), { kind: 'VARCHAR', length: 128 }),
  SHA2_HEX: (call, binder) => value(sha2(call, binder), { kind: 'VARCHAR', length: 128 }),
  SHA2_BINARY: (call, binder) => value(`unhex(${sha2(call, binder)})`, { kind: 'BINARY', length: 64 }),
  HEX_ENCODE: (call, binder) => {
    const [of] = boundArguments(call, binder, 1, 2)
    const bytes =
      of?.type.kind === 'BINARY'
        ? of.sql
        : `encode(${
            asText(
              binder.statement,
              argument(
                [of].filter((one) => one !== undefined),
                0,
              ),
            ).sql
          })`
    return value(`hex(${bytes})`, TEXT)
  },
  HEX_DECODE_STRING: (call, binder) => value(`decode(unhex(${texts(call, binder, 1)[0]}))`, TEXT),
  HEX_DECODE_BINARY: (call, binder) =>
    value(`unhex(${texts(call, binder, 1)[0]})`, { kind: 'BINARY', length: 8_388_608 }),
  BASE64_ENCODE: (call, binder) => {
    const of = argument(boundArguments(call, binder, 1), 0)
    return value(`base64(${of.type.kind === 'BINARY' ? of.sql : `encode(${asText(binder.statement, of).sql})`})`, TEXT)
  },
  BASE64_DECODE_STRING: (call, binder) => value(`decode(from_base64(${texts(call, binder, 1)[0]}))`, TEXT),
  BASE64_DECODE_BINARY: (call, binder) =>
    value(`from_base64(${texts(call, binder, 1)[0]})`, { kind: 'BINARY', length: 8_388_608 }),
  REGEXP_LIKE: (call, binder) => {
    const [of, pattern, flags = "''"] = texts(call, binder, 2, 3)
    return value(`regexp_full_match(${of}, ${pattern}, ${regexFlags(call, binder, flags)})`, BOOLEAN)
  },
  REGEXP_REPLACE: (call, binder) => {
    const [of, pattern, replacement = "''"] = texts(call, binder, 2, 3)
    return value(`regexp_replace(${of}, ${pattern}, ${replacement}, 'g')`, TEXT)
  },
  REGEXP_SUBSTR: (call, binder) => {
    const [of, pattern] = texts(call, binder, 2)
    return value(`CASE WHEN regexp_matches(${of}, ${pattern}) THEN regexp_extract(${of}, ${pattern}) END`, TEXT)
  },
  REGEXP_COUNT: (call, binder) => {
    const [of, pattern] = texts(call, binder, 2)
    return value(`length(regexp_extract_all(${of}, ${pattern}))`, INTEGER, { exact: false })
  },
  UUID_STRING: () => value('CAST(uuid() AS VARCHAR)', { kind: 'VARCHAR', length: 36 }, { nullable: false }),
  RANDSTR: (call, binder) => {
    throw unknown(binder.statement, call, 'RANDSTR')
  },
  STRTOK: (call, binder) => {
    const args = boundArguments(call, binder, 1, 3)
    const of = asText(binder.statement, argument(args, 0)).sql
    const by = args[1] === undefined ? "' '" : asText(binder.statement, args[1]).sql
    const index = args[2]?.sql ?? '1'
    const pieces = `list_filter(string_split(${of}, ${by}), lambda piece: piece <> '')`
    return value(`list_extract(${pieces}, CAST(${index} AS BIGINT))`, TEXT)
  },
  PARSE_URL: (call, binder) => {
    throw unknown(binder.statement, call, 'PARSE_URL')
  },
  CHECK_JSON: (call, binder) => {
    const [of] = texts(call, binder, 1)
    const bad = `${of} IS NOT NULL AND trim(${of}) <> '' AND sf_try_parse_json(${of}) IS NULL`
    return value(`CASE WHEN ${bad} THEN 'invalid JSON' END`, TEXT)
  },
  STRIP_NULL_VALUE: (call, binder) => {
    const of = argument(boundArguments(call, binder, 1), 0)
    return value(`CASE WHEN json_type(${of.sql}) <> 'NULL' THEN ${of.sql} END`, VARIANT)
  },
}

function texts(call: Call, binder: Binder, least: number, most = least): readonly string[] {
  return boundArguments(call, binder, least, most).map((one) => asText(binder.statement, one).sql)
}

function mapped(name: string): FunctionBinder {
  return (call, binder) => {
    const of = asText(binder.statement, argument(boundArguments(call, binder, 1), 0))
    return value(`${name}(${of.sql})`, of.type, { nullable: of.nullable })
  }
}

/** The second argument is a set of characters, as in DuckDB. */
function trimmed(name: string): FunctionBinder {
  return (call, binder) => {
    const [of, characters = "' '"] = texts(call, binder, 1, 2)
    return value(`${name}(${of}, ${characters})`, TEXT)
  }
}

function part(call: Call, binder: Binder, write: (text: string, length: string) => string): Value {
  const args = boundArguments(call, binder, 2)
  const count = cast(binder.statement, argument(args, 1), INTEGER)
  return value(write(asText(binder.statement, argument(args, 0)).sql, count.sql), TEXT)
}

/** SUBSTR(text, 0) begins at the first character, as 1 does; a negative start counts from the end. */
function substring(call: Call, binder: Binder): Value {
  const args = boundArguments(call, binder, 2, 3)
  const of = argument(args, 0)
  const start = cast(binder.statement, argument(args, 1), INTEGER).sql
  const from = `CAST(CASE WHEN ${start} = 0 THEN 1 ELSE ${start} END AS BIGINT)`
  const length =
    args[2] === undefined ? '' : `, CAST(greatest(${cast(binder.statement, args[2], INTEGER).sql}, 0) AS BIGINT)`
  if (of.type.kind === 'BINARY') throw unknown(binder.statement, call, 'SUBSTR of a BINARY')
  const text = asText(binder.statement, of)
  const sql = `CASE WHEN ${start} < -length(${text.sql}) THEN '' ELSE substr(${text.sql}, ${from}${length}) END`
  return value(sql, text.type, { nullable: args.some((one) => one.nullable) })
}

function padded(name: string): FunctionBinder {
  return (call, binder) => {
    const args = boundArguments(call, binder, 2, 3)
    const pad = args[2] === undefined ? "' '" : asText(binder.statement, args[2]).sql
    const length = cast(binder.statement, argument(args, 1), INTEGER).sql
    return value(
      `${name}(${asText(binder.statement, argument(args, 0)).sql}, CAST(greatest(${length}, 0) AS INTEGER), ${pad})`,
      TEXT,
    )
  }
}

function test(call: Call, binder: Binder, write: (a: string, b: string) => string): Value {
  const [a = '', b = ''] = texts(call, binder, 2)
  return value(write(a, b), BOOLEAN)
}

/** POSITION('a', 'cat'), POSITION('a' IN 'cat') and CHARINDEX, with an optional start. */
function position(call: Call, binder: Binder): Value {
  const [first] = call.args
  const args =
    first?.type === 'tuple' ? first.items.map((item) => binder.bind(item)) : boundArguments(call, binder, 2, 3)
  const [needle, text] = args.slice(0, 2).map((one) => asText(binder.statement, one).sql)
  if (args[2] === undefined) return value(`strpos(${text}, ${needle})`, INTEGER, { exact: false })
  const start = `CAST(greatest(${args[2].sql}, 1) AS BIGINT)`
  const found = `strpos(substr(${text}, ${start}), ${needle})`
  return value(`CASE WHEN ${found} = 0 THEN 0 ELSE ${found} + ${start} - 1 END`, INTEGER, { exact: false })
}

function character(call: Call, binder: Binder): Value {
  return value(`chr(CAST(${argument(boundArguments(call, binder, 1), 0).sql} AS INTEGER))`, {
    kind: 'VARCHAR',
    length: 1,
  })
}

/** Hashes are of the UTF-8 bytes of a text, or of a binary. */
function hashed(call: Call, binder: Binder): string {
  const of = argument(boundArguments(call, binder, 1, 2), 0)
  return of.type.kind === 'BINARY' ? of.sql : asText(binder.statement, of).sql
}

function sha2(call: Call, binder: Binder): string {
  const size = call.args[1]
  const bits = size === undefined ? '256' : binder.bind(size).constant
  if (bits !== '256' && bits !== '0')
    throw unknown(binder.statement, call, `SHA2 with ${bits ?? 'a computed number of'} bits`)
  return `sha256(${hashed(call, binder)})`
}

const FLAGS: Readonly<Record<string, string>> = { i: 'i', c: 'c', s: 's', m: 'm' }

function regexFlags(call: Call, binder: Binder, flags: string): string {
  const letters = [...flags.replaceAll("'", '')].map((letter) => FLAGS[letter])
  if (letters.includes(undefined)) throw unknown(binder.statement, call, `the regular expression parameters ${flags}`)
  return textLiteral(letters.length === 0 ? 'c' : letters.join(''))
}
