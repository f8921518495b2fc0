import { expect, test } from 'vitest'
import { runCli } from '../../test/support/command-line.ts'

test('snowflake local prints the destination that reaches it', async () => {
  const asked: unknown[] = []
  const run = await runCli(['snowflake', 'local', '--port', '0', '--path', 'kept'], {
    runLocalSnowflake: async ({ port, path }, onReady) => {
      asked.push([port, path])
      onReady({
        account: 'local',
        host: '127.0.0.1',
        port: 8123,
        user: 'simplyload',
        password: 'local',
        role: 'SIMPLYLOAD',
        warehouse: 'SIMPLYLOAD_WH',
        database: 'ANALYTICS',
      })
    },
  })
  expect(asked).toEqual([[0, 'kept']])
  expect(run.exitCode).toBe(0)
  expect(run.stdout).toContain('destination:\n  type: snowflake\n  account: local\n  host: 127.0.0.1\n  port: 8123\n')
})
