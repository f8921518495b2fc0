import type { TableId } from '../core/table-schema.ts'

/** A YAML scalar that is read back as this text: plain where that is safe, else in double quotes, which are JSON's. */
export function yamlText(text: string): string {
  const reserved = /^(true|false|null|yes|no|on|off|y|n|~)$/i
  return /^[A-Za-z_][\w./-]*$/.test(text) && !reserved.test(text) ? text : JSON.stringify(text)
}

/** A table as `simplyload.yaml` names it: parts that hold dots or quotes are quoted as in SQL, and so is a part `*`. */
export function writtenTableName(table: TableId): string {
  const part = (text: string): string =>
    /^[^".]+$/.test(text) && text !== '*' ? text : `"${text.replaceAll('"', '""')}"`
  return `${part(table.namespace)}.${part(table.name)}`
}
