/**
 * How a table follows its layout: what `layout-plan.ts` says, as DDL.
 *
 * DDL commits by itself, so a change may break off between two statements. What has been done is seen from the table: each
 * column has its place in the layout in its comment, and whatever differs from the layout is mended. Widening that ALTER
 * cannot do (a larger scale, a number to text) writes the column anew beside the old one.
 */
import { type TargetTable, targetText } from '../../core/destination.ts'
import { PipelineError } from '../../core/errors.ts'
import { shellWord } from '../../core/shell-word.ts'
import type { Column, TableSchema } from '../../core/table-schema.ts'
import { columnById, tableName } from '../../core/table-schema.ts'
import { type LayoutDialect, planLayout } from '../../warehouse/layout-plan.ts'
import type { LayoutColumn, TableLayout } from '../../warehouse/table-layout.ts'
import { snowflakeType } from './column-type.ts'
import { columnComment, type DescribedColumn, describeTable, isType } from './described-table.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'
import { missingValueDefault, missingValueSql } from './missing-value.ts'
import type { SnowflakeSession } from './session.ts'
import { tableSql } from './table-names.ts'

const TEMPORARY_NAME = '_simplyload_renamed_'
const WIDENED_NAME = '_simplyload_widened_'

/** `replaced`: one of the same name is replaced, and who may read it may read this one. `clusterKey`: see `clustering.ts`. */
export function createTableSql(
  layout: TableLayout,
  schema: TableSchema,
  comment: string,
  replaced: 'with its grants' | 'whole',
  clusterKey = '',
): string {
  const columns = layout.columns.map((column) => {
    const about = columnComment(layout, column, columnById(schema, column.id))
    return `${quoteIdentifier(column.name)} ${snowflakeType(column.type)} COMMENT ${quoteLiteral(about)}`
  })
  const clustering = clusterKey === '' ? '' : ` CLUSTER BY ${clusterKey}`
  const grants = replaced === 'with its grants' ? ' COPY GRANTS' : ''
  return `CREATE OR REPLACE TABLE ${tableSql(layout)} (${columns.join(', ')})${clustering}${grants} COMMENT = ${quoteLiteral(comment)}`
}

/**
 * The layout that the table has from now on. Not in a transaction; nothing is sent where it has it already. Throws
 * `destination_rejected` where the table is not as we left it.
 */
export async function evolveTable(
  session: SnowflakeSession,
  layout: TableLayout,
  schema: TableSchema,
  target: TargetTable,
  dialect: LayoutDialect,
): Promise<TableLayout> {
  const plan = planLayout(layout, schema, target, dialect)
  if (plan.changes.length === 0) return plan.layout
  const described = await describeTable(session, layout)
  const change = new TableChange(session, plan.layout, schema, new Map(described.map((each) => [each.name, each])))
  await change.rename()
  for (const [place, column] of plan.layout.columns.entries()) {
    const before = layout.columns[place]
    if (before === undefined) await change.add(place, column)
    else if (snowflakeType(before.type) !== snowflakeType(column.type)) await change.widen(place, column, before)
  }
  return plan.layout
}

class TableChange {
  readonly #session: SnowflakeSession
  readonly #layout: TableLayout
  readonly #schema: TableSchema
  readonly #columns: Map<string, DescribedColumn>

  constructor(
    session: SnowflakeSession,
    layout: TableLayout,
    schema: TableSchema,
    columns: Map<string, DescribedColumn>,
  ) {
    this.#session = session
    this.#layout = layout
    this.#schema = schema
    this.#columns = columns
  }

  /** Through temporary names, since two columns may swap theirs. */
  async rename(): Promise<void> {
    const wrong = this.#layout.columns.flatMap((column, place) => {
      const found = this.#at(place)
      return found === undefined || found.name === column.name ? [] : [{ place, name: column.name }]
    })
    for (const { place } of wrong) await this.#renameTo(place, `${TEMPORARY_NAME}${place}`)
    for (const { place, name } of wrong) await this.#renameTo(place, name)
  }

  async add(place: number, column: LayoutColumn): Promise<void> {
    if (this.#at(place) !== undefined) return
    const name = quoteIdentifier(column.name)
    const source = column.state === 'current' ? columnById(this.#schema, column.id) : undefined
    const fill = source === undefined ? undefined : missingValueSql(source)
    const constant = source === undefined ? undefined : missingValueDefault(source)
    const isThere = this.#columns.has(column.name)
    if (fill === undefined || constant !== undefined) {
      if (isThere) throw this.#foreign(column)
      const value = constant === undefined ? '' : ` DEFAULT ${constant}`
      await this.#alter(
        `ADD COLUMN ${name} ${snowflakeType(column.type)}${value} COMMENT ${this.#comment(column, source)}`,
      )
    } else {
      // Filled before it is marked as done, so that it is filled again where that broke off.
      if (!isThere) await this.#alter(`ADD COLUMN ${name} ${snowflakeType(column.type)}`)
      await this.#session.run(`UPDATE ${this.#table} SET ${name} = ${fill}`)
      await this.#mark(column, source)
    }
    this.#columns.set(column.name, { name: column.name, type: snowflakeType(column.type), place })
  }

  async widen(place: number, column: LayoutColumn, before: LayoutColumn): Promise<void> {
    const name = quoteIdentifier(column.name)
    const source = columnById(this.#schema, column.id)
    const found = this.#at(place)
    const widened = `${WIDENED_NAME}${place}`
    if (found !== undefined && isType(found.type, column)) return
    if (found !== undefined && scaleOf(before) !== undefined && scaleOf(before) === scaleOf(column)) {
      return this.#alter(`ALTER COLUMN ${name} SET DATA TYPE ${snowflakeType(column.type)}`)
    }
    if (found !== undefined) {
      if (!this.#columns.has(widened)) {
        await this.#alter(`ADD COLUMN ${quoteIdentifier(widened)} ${snowflakeType(column.type)}`)
      }
      await this.#session.run(
        `UPDATE ${this.#table} SET ${quoteIdentifier(widened)} = ${converted(name, before, column)}`,
      )
      await this.#alter(`DROP COLUMN ${name}`)
      await this.#alter(`RENAME COLUMN ${quoteIdentifier(widened)} TO ${name}`)
    } else if (this.#columns.has(widened)) {
      await this.#alter(`RENAME COLUMN ${quoteIdentifier(widened)} TO ${name}`)
    } else if (!this.#columns.has(column.name)) throw this.#foreign(column)
    await this.#mark(column, source)
    this.#columns.set(column.name, { name: column.name, type: snowflakeType(column.type), place })
  }

  get #table(): string {
    return tableSql(this.#layout)
  }

  #at(place: number): DescribedColumn | undefined {
    return [...this.#columns.values()].find((each) => each.place === place)
  }

  async #renameTo(place: number, name: string): Promise<void> {
    const found = this.#at(place)
    if (found === undefined || found.name === name) return
    await this.#alter(`RENAME COLUMN ${quoteIdentifier(found.name)} TO ${quoteIdentifier(name)}`)
    this.#columns.delete(found.name)
    this.#columns.set(name, { ...found, name })
  }

  #comment(column: LayoutColumn, source: Column | undefined): string {
    return quoteLiteral(columnComment(this.#layout, column, source))
  }

  async #mark(column: LayoutColumn, source: Column | undefined): Promise<void> {
    await this.#alter(`ALTER COLUMN ${quoteIdentifier(column.name)} COMMENT ${this.#comment(column, source)}`)
  }

  async #alter(change: string): Promise<void> {
    await this.#session.run(`ALTER TABLE ${this.#table} ${change}`)
  }

  #foreign(column: LayoutColumn): PipelineError {
    const table = tableName(this.#schema.table)
    const found = this.#columns.get(column.name)
    return new PipelineError('destination_rejected', `Changing ${targetText(this.#layout)}`, {
      cause: new Error(
        found === undefined
          ? `it has no column ${column.name} ${snowflakeType(column.type)} any more`
          : `its column ${column.name} ${found.type} was not made by SimplyLoad`,
      ),
      hint: `Rename or drop the column, or read the table again: simplyload table resync ${shellWord(table)}`,
      context: { table, column: column.name },
    })
  }
}

/** Of a number; undefined for anything else. */
function scaleOf({ type }: LayoutColumn): number | undefined {
  const match = /^NUMBER\(\d+,(\d+)\)$/.exec(snowflakeType(type))
  return match === null ? undefined : Number(match[1])
}

function converted(expression: string, from: LayoutColumn, to: LayoutColumn): string {
  if (from.type.kind === 'json' && to.type.kind === 'text') return `TO_JSON(${expression})`
  return `CAST(${expression} AS ${snowflakeType(to.type)})`
}
