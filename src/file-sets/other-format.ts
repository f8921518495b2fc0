/** Files that are called as if they were text and begin as something else does: what that is, and what to do. */
import { PipelineError } from '../core/errors.ts'

interface OtherFormat {
  /** First bytes, as Latin-1. */
  readonly begins: string
  readonly what: string
  readonly fix: string
}

const UNPACK = 'Unpack it, and check what is in it; gzip and zstd are read as they are.'
const SAVE = 'Save the sheet as CSV or TSV, or have whoever makes the file do so.'

const FORMATS: readonly OtherFormat[] = [
  { begins: 'PAR1', what: 'Parquet', fix: 'Say so in the configuration of the table: `format: parquet`.' },
  { begins: 'PK\x03\x04', what: 'a ZIP archive', fix: UNPACK },
  { begins: 'PK\x05\x06', what: 'a ZIP archive without a file in it', fix: 'Have it sent again.' },
  { begins: '\xd0\xcf\x11\xe0', what: 'an Excel workbook (.xls)', fix: SAVE },
  { begins: 'BZh', what: 'packed with bzip2', fix: UNPACK },
  { begins: '\xfd7zXZ\x00', what: 'packed with xz', fix: UNPACK },
  { begins: '7z\xbc\xaf\x27\x1c', what: 'a 7-Zip archive', fix: UNPACK },
  { begins: '%PDF-', what: 'a PDF', fix: 'Have the file sent as text.' },
]
/** Names in the first entry of a workbook, which is a ZIP archive. */
const WORKBOOK = /\[Content_Types\]\.xml|_rels\/|xl\/|docProps\//
/** First bytes that are looked at. */
export const MAGIC_BYTES = 64

/** Throws `source_file` where `begin`, the first bytes of a file, are of none that is read as text. */
export function refuseOtherFormat(name: string, begin: Buffer): void {
  const text = begin.subarray(0, MAGIC_BYTES).toString('latin1')
  const found = FORMATS.find(({ begins }) => text.startsWith(begins))
  if (found === undefined) return
  const isWorkbook = found.begins === 'PK\x03\x04' && WORKBOOK.test(text)
  throw new PipelineError('source_file', `Reading ${name}`, {
    cause: new Error(`it is ${isWorkbook ? 'an Excel workbook (.xlsx)' : found.what}, and no text`),
    hint: isWorkbook ? SAVE : found.fix,
    context: { file: name },
  })
}
