import type { FormWriter } from './binary-scalar-text.ts'
import { INVALID_UTF8, OK } from './decode-outcome.ts'
import { TextWriter } from './text-writer.ts'
import type { ValueDecoder } from './value-decoder.ts'

/**
 * `verify`: the server does not check text (encoding SQL_ASCII), so it may be no UTF-8, which no reader of Parquet takes.
 */
export type TextEncoding = 'trusted' | 'verify'

// One value is put together at a time; the text that an override passes through must outlive the column's own.
const scratch = new TextWriter()
const passedThrough = new TextWriter()

/** The column holds the text that `form` writes. */
export function formDecoder(form: FormWriter, encoding: TextEncoding): ValueDecoder {
  return (builder, row, source, offset, length) => {
    scratch.reset()
    const outcome = form(scratch, source, offset, length)
    if (outcome !== OK) return outcome
    if (encoding === 'verify' && !scratch.isUtf8()) return INVALID_UTF8
    builder.appendBytes(row, scratch.content, 0, scratch.length)
    return OK
  }
}

/** `decode` is given the text that `form` writes. */
export function throughText(form: FormWriter, decode: ValueDecoder): ValueDecoder {
  return (builder, row, source, offset, length) => {
    passedThrough.reset()
    const outcome = form(passedThrough, source, offset, length)
    return outcome === OK ? decode(builder, row, passedThrough.content, 0, passedThrough.length) : outcome
  }
}
