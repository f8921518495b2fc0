/** Loads a transform that a module exports. Node.js strips the types of TypeScript by itself. */
import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { COLUMN_TYPE_FORM, parseColumnType } from '../core/column-type-form.ts'
import { keyColumns, type TableSchema } from '../core/table-schema.ts'
import type { RowTransform, TransformForm } from '../core/transform.ts'
import { moduleReason, transformError } from './transform-error.ts'

type ModuleForm = Extract<TransformForm, { kind: 'module' }>

export async function loadRowTransform(source: TableSchema, form: ModuleForm): Promise<RowTransform> {
  const fail = (reason: string, cause?: unknown) =>
    transformError(source.table, form, reason, cause === undefined ? {} : { cause })
  const exported = await importModule(form, fail)
  const found = exported[form.exportName]
  if (found === undefined) {
    const names = Object.keys(exported)
    throw fail(
      `${form.file} has no export "${form.exportName}"${names.length === 0 ? '' : ` (it has ${names.join(', ')})`}`,
    )
  }
  const problem = problemOf(found, source)
  if (problem !== undefined) throw fail(`export "${form.exportName}" of ${form.file} ${problem}`)
  return found as RowTransform
}

async function importModule(
  form: ModuleForm,
  fail: (reason: string, cause?: unknown) => Error,
): Promise<Readonly<Record<string, unknown>>> {
  try {
    // A module is loaded once per address; one that was mended is another one. Loaders look at how the address ends.
    const { mtimeMs } = await stat(form.file)
    const address = `${pathToFileURL(form.file).href}?at=${mtimeMs}${extname(form.file)}`
    return (await import(address)) as Record<string, unknown>
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    throw missing
      ? fail(`there is no file ${form.file}`)
      : fail(`${form.file} cannot be loaded: ${moduleReason(error)}`, error)
  }
}

/** Completes the sentence "export … of … ". */
function problemOf(value: unknown, source: TableSchema): string | undefined {
  if (typeof value !== 'object' || value === null) return 'is no transform: give it { reads, writes, row }'
  const { reads, drops = [], writes, row } = value as Readonly<Record<string, unknown>>
  if (typeof row !== 'function') return 'has no function `row`'
  if (!isTexts(reads)) return 'needs `reads`, the names of the columns that `row` is given'
  if (!isTexts(drops)) return 'has `drops` that are no list of names'
  if (typeof writes !== 'object' || writes === null) return 'needs `writes`, a mapping of columns to their types'
  const names = source.columns.map((column) => column.name)
  const unknown = [...reads, ...drops].find((name) => !names.includes(name))
  if (unknown !== undefined)
    return `names the column "${unknown}", which the table does not have (columns: ${names.join(', ')})`
  const keys = keyColumns(source).map((column) => column.name)
  const key = [...drops, ...Object.keys(writes)].find((name) => keys.includes(name))
  if (key !== undefined) return `drops or writes "${key}", by which rows are recognised`
  const wrong = Object.entries(writes).find(
    ([, type]) => typeof type !== 'string' || parseColumnType(type) === undefined,
  )
  return wrong === undefined ? undefined : `writes "${wrong[0]}" as ${String(wrong[1])}; a type is ${COLUMN_TYPE_FORM}`
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
