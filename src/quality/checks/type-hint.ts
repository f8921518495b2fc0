/** What values that are none of their type look like, and so what to do about them. */
import type { FileColumn } from '../../core/file-set.ts'
import { BYTE_ORDER_MARK } from './sample-rows.ts'

export interface TypeHint {
  /** As it follows `3 of 900 values of day are no date; `. */
  readonly looks: string
  readonly fix: string
}

/** `values`: some of them, as samples show them. Undefined: they look like nothing known. */
export function typeHint(
  values: readonly string[],
  typeText: string,
  { name: column, format }: Pick<FileColumn, 'name' | 'format'>,
): TypeHint | undefined {
  if (values.length === 0) return undefined
  const isHeader = (value: string) =>
    value.replaceAll(BYTE_ORDER_MARK, '').trim().toLowerCase() === column.trim().toLowerCase()
  const marked = values.filter((value) => value.includes(BYTE_ORDER_MARK))
  if (marked.length > 0 && (marked.length === values.length || marked.some(isHeader)))
    return {
      looks: 'with a byte order mark in it: files were put together',
      fix: 'Have the file made anew, or its parts sent one by one: each begins with a byte order mark, and perhaps a header.',
    }
  if (values.some(isHeader))
    return {
      looks: 'the name of the column itself: a header stands among the rows',
      fix: 'Have the file made with one header at its beginning. Where it is the first line, leave out `header: false`.',
    }
  if (format !== undefined && values.every((value) => hasShapeOf(format, value.trim())))
    return {
      looks: `written as ${format}, as configured, and no such day or time`,
      fix: 'Correct the values, or have the file made anew.',
    }
  const looks = looksOf(values, typeText)
  return looks === undefined
    ? undefined
    : { looks, fix: 'Change the type or format of the column, or have the file made as before.' }
}

/** `31.06.2024` of `%d.%m.%Y`, though there is no such day. */
function hasShapeOf(format: string, value: string): boolean {
  const shape = format.replaceAll(/%(.)|[^\w\s]/g, (found, letter: string | undefined) => {
    if (letter === undefined) return `\\${found}`
    return letter === 'Y' ? '\\d{4}' : /[dmyHIMSfgnj]/.test(letter) ? '\\d+' : '.+'
  })
  return new RegExp(`^${shape}$`).test(value)
}

function looksOf(values: readonly string[], typeText: string): string | undefined {
  const all = (pattern: RegExp) => values.every((value) => pattern.test(value.trim()))
  if (all(/^[+-]?\d{1,3}([,' \u00a0\u202f]\d{3})+(\.\d*)?$/)) return 'written with thousands separators'
  if (all(/^[+-]?\d+(_\d+)+(\.\d*)?$/)) return 'written with `_` between digits'
  if (all(/^\(.*\d.*\)$|^\d.*-$/)) return 'negative as bookkeepers write it'
  if (/^(?:date|time)/i.test(typeText) && all(/^\d{2}-\d\d?-\d\d?$/)) return 'with a year of two digits'
  if (all(/^[+-]?\d{1,3}(\.\d{3})*,\d+$|^[+-]?\d+,\d+$/)) return 'written with a decimal comma'
  if (all(/^\d{1,2}\.\d{1,2}\.\d{4}$/)) return 'written as %d.%m.%Y'
  if (all(/^\d{1,2}\/\d{1,2}\/\d{4}$/)) return 'written as %m/%d/%Y or %d/%m/%Y'
  if (/^(?:date|time)/i.test(typeText) && all(/^\d{4}-\d\d-\d\d([ T].*)?$/)) {
    return 'like dates, and not quite: no such day, or more than it holds'
  }
  const isNumber = /^(?:int|(?:big|small)int|decimal|numeric|double|float|real)/i.test(typeText)
  if (isNumber && all(/^[+-]?\d+(\.0*)?$/)) return 'too large for it'
  if (isNumber && all(/^[+-]?\d+\.\d+$/)) return 'with more decimals than it holds, or too large for it'
  if (all(/^\d{8}$/)) return 'perhaps dates written as %Y%m%d'
  if (all(/^\d{4}-\d\d-\d\d([ T].*)?$/)) return 'like dates'
  if (all(/^[+-]?\d+$/)) return 'like whole numbers'
  if (all(/^[+-]?\d+\.\d+$/)) return 'like decimal numbers'
  return undefined
}
