import type { QueryValue } from '../core/application.ts'
import { counted } from '../core/quantity.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'

const NUMERIC = /^(U?(TINY|SMALL|BIG|HUGE)?INT|U?INTEGER|FLOAT|DOUBLE|REAL|DECIMAL|NUMERIC|NUMBER)/i

/** What a person reads at once. Machines get all rows unless they ask for fewer. */
const ROWS_FOR_PEOPLE = 1000

/** `limit` 0: all rows. A result that is cut says so. */
export async function query(
  context: CommandContext,
  sql: string,
  options: { readonly limit?: number },
): Promise<CommandEnd> {
  const { output, signal } = context
  const result = await (await context.open()).query(sql, signal)
  const limit = (options.limit ?? (output.json ? 0 : ROWS_FOR_PEOPLE)) || Infinity
  const names = distinct(result.columns.map((column) => column.name))
  output.event({ event: 'columns', columns: result.columns.map(({ type }, i) => ({ name: names[i], type })) })
  const shown: (readonly string[])[] = []
  let rows = 0
  let truncated = false
  for await (const row of result.rows) {
    signal.throwIfAborted()
    if (rows === limit) {
      truncated = true
      break
    }
    rows += 1
    if (output.json)
      output.event({ event: 'row', row: Object.fromEntries(names.map((name, i) => [name, row[i] ?? null])) })
    else shown.push(row.map(cell))
  }
  const columns = result.columns.map(({ type }, i) => ({
    title: names[i] ?? '',
    align: NUMERIC.test(type) ? ('right' as const) : ('left' as const),
    flexible: true,
  }))
  output.table(columns, shown)
  output.note(truncated ? `The first ${counted(rows, 'row')}; --limit 0 prints all.` : counted(rows, 'row'))
  return done({ rows, truncated })
}

/** `SELECT a.id, b.id` has two columns of one name; a JSON object cannot: the second becomes `id_2`. */
function distinct(names: readonly string[]): readonly string[] {
  const taken = new Set<string>()
  return names.map((name) => {
    let candidate = name
    for (let number = 2; taken.has(candidate); number += 1) candidate = `${name}_${number}`
    taken.add(candidate)
    return candidate
  })
}

function cell(value: QueryValue): string {
  return value === null ? 'NULL' : String(value)
}
