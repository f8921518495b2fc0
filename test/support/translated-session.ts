/** A Snowflake session without a server: statements are translated and run on a DuckDB in memory, with just enough of a catalog for that. */
import { DuckDBInstance } from '@duckdb/node-api'
import type { DataType } from '../../src/snowflake-twin/sql/data-type.ts'
import { storedType, typeText } from '../../src/snowflake-twin/sql/data-type.ts'
import { prepareConnection, prepareInstance } from '../../src/snowflake-twin/sql/duckdb-setup.ts'
import type { Plan, QueryPlan } from '../../src/snowflake-twin/sql/plan.ts'
import { runtimeError } from '../../src/snowflake-twin/sql/runtime-error.ts'
import type { Bind, Relation, SessionContext, StageRows } from '../../src/snowflake-twin/sql/session-context.ts'
import { quoted, storedIdentifier, storedName } from '../../src/snowflake-twin/sql/stored-name.ts'
import { translate } from '../../src/snowflake-twin/sql/translate.ts'

export interface Answer {
  readonly names: readonly string[]
  readonly types: readonly string[]
  /** Values as DuckDB writes them as text. */
  readonly rows: readonly (readonly (string | null)[])[]
}

/** 2026-11-20 12:00:00.123456 UTC. */
export const NOW = 1_795_176_000_123_456n

export async function openTranslatedSession() {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await prepareInstance(connection)
  await prepareConnection(connection)
  await connection.run('CREATE SCHEMA "DB.PUBLIC"')
  const relations = new Map<string, Relation>()
  const parameters = new Map([['TIMEZONE', 'UTC']])
  const variables = new Map<string, { type: DataType; value: string | null }>()
  let stage: StageRows | undefined

  const context = (binds: readonly Bind[]): SessionContext => ({
    catalog: {
      database: (name) => name === 'DB',
      schema: (database, name) => database === 'DB' && name === 'PUBLIC',
      relation: (name) => relations.get(JSON.stringify([name.database, name.schema, name.name])),
      result: () => undefined,
      tableFunction: () => undefined,
      stageRows: async () => {
        if (stage === undefined) throw new Error('no stage')
        return stage
      },
    },
    database: 'DB',
    schema: 'PUBLIC',
    role: 'SYSADMIN',
    warehouse: 'WH',
    user: 'TESTER',
    account: 'LOCAL',
    sessionId: '1',
    parameters,
    variables,
    binds,
    now: NOW,
    transactionId: undefined,
    queryIds: ['q1', 'q2'],
  })

  const text = async (sql: string, columns: number): Promise<(string | null)[][]> => {
    if (columns === 0) return []
    const names = Array.from({ length: columns }, (_, index) => `c${index}`)
    const list = names.map((name) => `CAST(${name} AS VARCHAR)`).join(', ')
    const reader = await connection.runAndReadAll(`SELECT ${list} FROM (${sql}) AS r(${names.join(', ')})`)
    return reader.getRows().map((row) => row.map((value) => (value === null ? null : String(value))))
  }

  const query = async (plan: QueryPlan): Promise<Answer> => {
    const rows = await text(plan.sql, plan.columns.length)
    await checkTypes(plan)
    return { names: plan.columns.map(({ name }) => name), types: plan.columns.map(({ type }) => typeText(type)), rows }
  }

  /** Each column of a plan has in DuckDB the type that it says. */
  const checkTypes = async (plan: QueryPlan) => {
    const described = await connection.runAndReadAll(`DESCRIBE ${plan.sql}`)
    const got = described.getRows().map((row) => String(row[1]))
    const alias = { 'TIMESTAMP WITH TIME ZONE': 'TIMESTAMPTZ' } as Record<string, string>
    const wanted = plan.columns.map(({ type }) => storedType(type))
    const same = got.map((type) => alias[type] ?? type)
    if (JSON.stringify(same) !== JSON.stringify(wanted)) {
      throw new Error(`the plan promises ${wanted.join(', ')}, DuckDB gives ${same.join(', ')}: ${plan.sql}`)
    }
  }

  const createTable = async (plan: Plan & { kind: 'create'; what: 'table' }) => {
    const { object, columns, as } = plan
    const from = `"DB.PUBLIC".${storedIdentifier(object.name)}`
    const list = columns.map((column) => {
      return `${storedIdentifier(column.name)} ${storedType(column.type)}${column.nullable ? '' : ' NOT NULL'}`
    })
    await connection.run(`CREATE OR REPLACE TABLE ${from} (${list.join(', ')})`)
    if (as !== undefined) await connection.run(`INSERT INTO ${from} ${as.sql}`)
    relations.set(JSON.stringify([object.database, object.schema, object.name]), {
      kind: 'table',
      name: object,
      from,
      columns: columns.map((column) => ({
        name: column.name,
        stored: storedName(column.name),
        type: column.type,
        nullable: column.nullable,
        defaultSql: column.default?.sql,
      })),
    })
  }

  const createView = async (plan: Plan & { kind: 'create'; what: 'view' }) => {
    const { object, columns } = plan
    const from = `"DB.PUBLIC".${storedIdentifier(object.name)}`
    await connection.run(`CREATE OR REPLACE VIEW ${from} AS ${plan.query.sql}`)
    relations.set(JSON.stringify([object.database, object.schema, object.name]), {
      kind: 'view',
      name: object,
      from,
      view: { text: plan.text, database: object.database, schema: object.schema },
      columns: columns.map(({ name, type, nullable }) => ({
        name,
        stored: storedName(name),
        type,
        nullable,
        defaultSql: undefined,
      })),
    })
  }

  const dml = async (plan: Plan & { kind: 'dml' }): Promise<Answer> => {
    const counts = new Map<string, number>()
    await connection.run('BEGIN')
    try {
      for (const step of plan.steps) {
        const result = await connection.runAndReadAll(step.sql)
        if (step.refuse !== undefined && result.currentRowCount > 0) throw step.refuse
        if (step.counts !== undefined) {
          counts.set(step.counts, (counts.get(step.counts) ?? 0) + Number(result.getRows()[0]?.[0] ?? 0))
        }
      }
      await connection.run('COMMIT')
    } catch (error) {
      await connection.run('ROLLBACK')
      throw error
    } finally {
      for (const sql of plan.cleanup) await connection.run(sql)
    }
    const row = plan.counts.map((name) => String(counts.get(name) ?? 0))
    return { names: plan.counts.map((name) => `number of rows ${name}`), types: [], rows: [row] }
  }

  const execute = async (plan: Plan): Promise<Answer> => {
    const nothing = { names: [], types: [], rows: [] }
    switch (plan.kind) {
      case 'query':
        return query(plan)
      case 'dml':
        return dml(plan)
      case 'copy': {
        const rows = await context([]).catalog.stageRows(plan.source)
        const result = await connection.runAndReadAll(plan.insert(rows))
        return { ...nothing, rows: [[String(result.getRows()[0]?.[0])]] }
      }
      case 'create':
        if (plan.what === 'table') await createTable(plan)
        else if (plan.what === 'view') await createView(plan)
        return nothing
      case 'set_parameters':
        for (const [name, value] of plan.set) parameters.set(name, value)
        for (const name of plan.unset) parameters.delete(name)
        return nothing
      case 'set_variables': {
        const [row] = await text(plan.sql, plan.names.length)
        plan.names.forEach((name, index) => {
          const type = plan.types[index]
          if (type !== undefined) variables.set(name, { type, value: row?.[index] ?? null })
        })
        return nothing
      }
      default:
        return nothing
    }
  }

  return {
    connection,
    /** Files that every stage has from now on. */
    setStage: (rows: StageRows) => {
      stage = rows
    },
    plan: (sql: string, binds: readonly Bind[] = []) => translate(sql, context(binds)),
    /** Throws SnowflakeError. */
    run: async (sql: string, binds: readonly Bind[] = []): Promise<Answer> => {
      try {
        return await execute(await translate(sql, context(binds)))
      } catch (error) {
        throw runtimeError(error)
      }
    },
    /** The only value of a query. */
    value: async function (sql: string, binds: readonly Bind[] = []): Promise<string | null> {
      const { rows } = await this.run(sql, binds)
      return rows[0]?.[0] ?? null
    },
    stored: quoted,
    [Symbol.asyncDispose]: async () => {
      connection.closeSync()
      instance.closeSync()
    },
  }
}
