/** Values of records in the forms that PostgreSQL takes. */
import type { TableId } from '../../core/table-schema.ts'

/** `timestamptz` of milliseconds since 1970. */
export function timestamp(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}

/** Text in PostgreSQL has no NUL character. In JSON it is written as an escape, so documents keep it. */
export function plainText(text: string | undefined): string | null {
  return text === undefined ? null : text.replaceAll('\0', '')
}

/** `16/B374D848`. */
export function lsnText(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`
}

export function parseLsn(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

/** `source.namespace.name`; a name that has a dot or a quote in it is quoted, so that no two tables have one key. */
export function sourceTable({ source, namespace, name }: TableId): string {
  const part = (text: string) => (/[".]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  return `${source}.${part(namespace)}.${part(name)}`
}
