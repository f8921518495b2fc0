import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connectTwin } from '../../test/support/twin.ts'
import { startTwin } from './twin.ts'

test('a twin with a folder goes on where it has ended', async () => {
  const path = mkdtempSync(join(tmpdir(), 'kept-twin-'))
  try {
    writeFileSync(join(path, 'rows.csv'), '1\n2\n')
    const copy = 'COPY INTO SHOP.PUBLIC.T FROM @SHOP.PUBLIC.S FILE_FORMAT = (TYPE = CSV)'
    {
      await using twin = await startTwin({ path: join(path, 'twin') })
      await twin.sql(`CREATE DATABASE SHOP; CREATE TABLE T (A INT, B VARIANT); CREATE STAGE S; CREATE ROLE KEPT;
        CREATE VIEW V AS SELECT A FROM T`)
      await using client = await connectTwin(twin, { database: 'SHOP', schema: 'PUBLIC' })
      await client.rows(`PUT 'file://${join(path, 'rows.csv')}' @S AUTO_COMPRESS = FALSE`)
      await client.rows('COPY INTO T (A) FROM @S FILE_FORMAT = (TYPE = CSV)')
    }
    await using twin = await startTwin({ path: join(path, 'twin') })
    expect(await twin.sql('SELECT SUM(A) AS TOTAL FROM SHOP.PUBLIC.V')).toEqual([{ TOTAL: '3' }])
    expect(await twin.sql(copy.replace('T FROM', 'T (A) FROM'))).toEqual([
      { status: 'Copy executed with 0 files processed.' },
    ])
    expect(await twin.sql(`SELECT PARSE_JSON('{"a":[1]}'):a[0]::INT AS N`)).toEqual([{ N: '1' }])
    expect(await twin.sql('SELECT COUNT(*) AS N FROM SNOWFLAKE.ACCOUNT_USAGE.LOAD_HISTORY')).toEqual([{ N: '1' }])
    const [kept] = await twin.sql(
      'SELECT CREDITS_USED_COMPUTE > 0 AS PAID FROM SNOWFLAKE.ACCOUNT_USAGE.WAREHOUSE_METERING_HISTORY',
    )
    expect(kept).toEqual({ PAID: '1' })
  } finally {
    rmSync(path, { recursive: true })
  }
})
