/**
 * The loop of the record scanner over text as nearly all files have it, 64 bytes at a time in the machine's vector instructions:
 * WebAssembly, which V8 compiles on every machine that Node runs on. It is written down here as expressions that give
 * instructions, so that it can be read; the numbers are opcodes of the WebAssembly core specification, 2.0, chapter 5.4.
 *
 * Each of the four bytes that matter gives a mask of 64 bits, the lowest for the first byte. Whether a byte is within quotes is
 * the parity of the quotes up to it: a doubled quote closes and opens again. That is right only where each quote that opens
 * stands at the begin of a value or behind the quote that has just closed, and each CR outside of quotes has its LF. The
 * kernel looks at that for each block, and stops before the first one in which it is not so: the scanner goes byte by byte there.
 */

/** Bytes of a block. */
export const BLOCK_BYTES = 64
/** Text that fits at a time: it stays in the nearest caches while it is copied and read. */
export const TEXT_BYTES = 1 << 17
/** Where text begins in memory: behind the state. */
const TEXT_AT = 64
const PAGE_BYTES = 1 << 16

/** Places in `RecordKernel.state`. The first five are given, and given back as they are behind the last block. */
export const STATE = {
  /** -1 within quotes, else 0. */
  inQuotes: 0,
  /** 1: a quote may open here, as the byte before is a delimiter, a LF or a quote that has closed. */
  mayOpen: 1,
  /** 1: the byte before is a quote that has closed, unless another one follows. */
  closed: 2,
  /** 1: a record begins here. */
  startsRecord: 3,
  /** These are only added to. Records that end in LF or in CRLF; LF in and outside of quotes; records without a byte. */
  ends: 4,
  crlf: 5,
  lines: 6,
  blanks: 7,
  /** Offsets in the text, -1 where there was none: behind the last end of a record, and of the last quote that opened a value. */
  recordStart: 8,
  quoteAt: 9,
} as const
const STATE_WORDS = 10

export interface RecordKernel {
  /** Of `TEXT_BYTES`. */
  readonly text: Uint8Array
  readonly state: Int32Array
  /** Whole blocks from `from` to `to`. Returns where it stopped. */
  readonly run: (from: number, to: number) => number
}

let compiled: WebAssembly.Module | undefined

/** `quote` undefined: there are none. All are bytes. */
export function makeRecordKernel(delimiter: number, quote: number | undefined): RecordKernel {
  compiled ??= new WebAssembly.Module(moduleBytes())
  const { exports } = new WebAssembly.Instance(compiled)
  const memory = exports.memory as WebAssembly.Memory
  const scan = exports.scan as (from: number, to: number, delimiter: number, quote: number, quotes: bigint) => number
  const quotes = quote === undefined ? 0n : -1n
  return {
    text: new Uint8Array(memory.buffer, TEXT_AT, TEXT_BYTES),
    state: new Int32Array(memory.buffer, 0, STATE_WORDS),
    run: (from, to) => scan(from + TEXT_AT, to + TEXT_AT, delimiter, quote ?? 0, quotes) - TEXT_AT,
  }
}

type Code = readonly number[]

/** Numbers of seven bits a byte, as WebAssembly writes them. */
function signed(value: bigint): Code {
  const bytes: number[] = []
  for (let rest = value; ; rest >>= 7n) {
    const low = Number(rest & 0x7fn)
    const isLast = rest >> 6n === (rest < 0n ? -1n : 0n)
    bytes.push(isLast ? low : low | 0x80)
    if (isLast) return bytes
  }
}

function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

const list = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()]
const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content]
const name = (text: string): Code => [...unsigned(text.length), ...Buffer.from(text)]

const [I32, I64, V128, EMPTY] = [0x7f, 0x7e, 0x7b, 0x40]
const get = (local: number): Code => [0x20, local]
const set = (local: number, value: Code): Code => [...value, 0x21, local]
const i32 = (value: number): Code => [0x41, ...signed(BigInt(value))]
const i64 = (value: bigint): Code => [0x42, ...signed(value)]
const both =
  (opcode: number) =>
  (left: Code, right: Code): Code => [...left, ...right, opcode]
const [i32Below, i32Add, add, and, or, xor] = [both(0x49), both(0x6a), both(0x7c), both(0x83), both(0x84), both(0x85)]
const [shiftLeft, fillRight, shiftRight, subtract] = [both(0x86), both(0x87), both(0x88), both(0x7d)]
const not = (value: Code): Code => xor(value, i64(-1n))
const zeros = (value: Code): Code => [...value, 0x79]
const count = (value: Code): Code => [...value, 0x7b]
const isSome = (value: Code): Code => [...value, 0x50, 0x45]
const wide = (value: Code): Code => [...value, 0xad]
const splat = (byte: Code): Code => [...byte, 0xfd, 0x0f]
const load = (address: Code, offset: number): Code => [...address, 0xfd, 0x00, 0, ...unsigned(offset)]
const equal = (left: Code, right: Code): Code => [...left, ...right, 0xfd, 0x23]
const bits = (vector: Code): Code => [...vector, 0xfd, 0x64]
const loadState = (word: number): Code => [...i32(0), 0x34, 2, word * 4]
const saveState = (word: number, value: Code): Code => [...i32(0), ...value, 0x3e, 2, word * 4]
const when = (condition: Code, ...then: Code[]): Code => [...condition, 0x04, EMPTY, ...then.flat(), 0x0b]

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const parameters = [I32, I32, I32, I32, I64]
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list([[0x60, ...list(parameters.map((type) => [type])), ...list([[I32]])]])),
    ...section(3, list([[0]])),
    ...section(5, list([[0, ...unsigned(Math.ceil((TEXT_AT + TEXT_BYTES) / PAGE_BYTES))]])),
    ...section(
      7,
      list([
        [...name('memory'), 2, 0],
        [...name('scan'), 0, 0],
      ]),
    ),
    ...section(10, list([[...unsigned(scanBody().length), ...scanBody()]])),
  ])
}

function scanBody(): Code {
  const [at, end, delimiter, quote, quotes] = [0, 1, 2, 3, 4]
  const [inQuotes, mayOpen, closed, startsRecord, ends, crlf, lines, blanks, recordStart, quoteAt] = [
    5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
  ]
  const [isQuote, isLf, isCr, isInside, opens, closes, isEnd, allows] = [15, 16, 17, 18, 19, 20, 21, 22]
  const [anyDelimiter, anyQuote, anyLf, anyCr, first] = [23, 24, 25, 26, 27]
  const state = [inQuotes, mayOpen, closed, startsRecord, ends, crlf, lines, blanks, recordStart, quoteAt]
  const quarters = [0, 1, 2, 3].map((quarter) => get(first + quarter))
  const mask = (wanted: number): Code =>
    quarters
      .map((quarter, index) => shiftLeft(wide(bits(equal(quarter, get(wanted)))), i64(BigInt(index * 16))))
      .reduce(or)
  const next = (bitsOf: Code, before: Code): Code => or(shiftLeft(bitsOf, i64(1n)), before)
  const parity = [1n, 2n, 4n, 8n, 16n, 32n].flatMap((by) =>
    set(isInside, xor(get(isInside), shiftLeft(get(isInside), i64(by)))),
  )
  // Of the highest bit: offset in the text.
  const placeOf = (bitsOf: Code): Code =>
    subtract(add(wide(get(at)), i64(BigInt(BLOCK_BYTES - 1 - TEXT_AT))), zeros(bitsOf))
  const block = [
    ...[0, 1, 2, 3].flatMap((quarter) => set(first + quarter, load(get(at), quarter * 16))),
    ...set(isLf, mask(anyLf)),
    ...set(isCr, mask(anyCr)),
    ...when(
      isSome(get(quotes)),
      set(isQuote, mask(anyQuote)),
      set(isInside, get(isQuote)),
      when(isSome(get(isQuote)), parity),
      set(isInside, xor(get(isInside), get(inQuotes))),
      set(opens, and(get(isQuote), get(isInside))),
      set(closes, and(get(isQuote), not(get(isInside)))),
      set(allows, or(or(mask(anyDelimiter), get(isLf)), get(closes))),
    ),
    ...set(isEnd, and(get(isLf), not(get(isInside)))),
    ...set(isCr, and(get(isCr), not(get(isInside)))),
    // A CR that is the last byte may have its LF in the next block: that is left to the scanner too.
    ...or(
      or(and(shiftLeft(get(isCr), i64(1n)), not(get(isLf))), shiftRight(get(isCr), i64(63n))),
      and(get(opens), not(next(get(allows), get(mayOpen)))),
    ),
    ...[0x50, 0x45, 0x0d, 1],
    ...set(lines, add(get(lines), count(get(isLf)))),
    ...set(ends, add(get(ends), count(get(isEnd)))),
    ...set(crlf, add(get(crlf), count(get(isCr)))),
    ...set(blanks, add(get(blanks), count(and(next(get(isEnd), get(startsRecord)), or(get(isEnd), get(isCr)))))),
    ...when(isSome(get(isEnd)), set(recordStart, add(placeOf(get(isEnd)), i64(1n)))),
    // What opens behind a quote that has just closed goes on with its value.
    ...set(opens, and(get(opens), not(next(get(closes), get(closed))))),
    ...when(isSome(get(opens)), set(quoteAt, placeOf(get(opens)))),
    ...set(mayOpen, shiftRight(get(allows), i64(63n))),
    ...set(closed, shiftRight(get(closes), i64(63n))),
    ...set(startsRecord, shiftRight(get(isEnd), i64(63n))),
    ...set(inQuotes, fillRight(get(isInside), i64(63n))),
    ...set(at, i32Add(get(at), i32(BLOCK_BYTES))),
  ]
  return [
    ...list([
      [18, I64],
      [8, V128],
    ]),
    ...state.flatMap((local, word) => set(local, loadState(word))),
    ...set(anyDelimiter, splat(get(delimiter))),
    ...set(anyQuote, splat(get(quote))),
    ...set(anyLf, splat(i32(10))),
    ...set(anyCr, splat(i32(13))),
    ...[0x02, EMPTY, 0x03, EMPTY],
    ...[...i32Below(get(at), get(end)), 0x45, 0x0d, 1],
    ...block,
    ...[0x0c, 0, 0x0b, 0x0b],
    ...state.flatMap((local, word) => saveState(word, get(local))),
    ...get(at),
    0x0b,
  ]
}
