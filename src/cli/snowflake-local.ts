import type { LocalSnowflakeReady, RunLocalSnowflake } from '../core/local-snowflake.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'

/** Runs until it is stopped. */
export async function local(
  context: CommandContext,
  options: { readonly port: number; readonly path?: string },
  runLocalSnowflake: RunLocalSnowflake,
): Promise<CommandEnd> {
  const { output, signal } = context
  await runLocalSnowflake({ port: options.port, path: options.path, signal }, (ready) => {
    output.event({ event: 'ready', ...ready })
    output.answer(`The local Snowflake listens on ${ready.host}:${ready.port}. As the destination of simplyload.yaml:`)
    output.answer()
    for (const line of destination(ready)) output.answer(line)
    output.answer()
    output.note(
      options.path === undefined
        ? 'Everything is in memory: --path keeps it. Stop with Ctrl-C.'
        : `Everything is kept in ${options.path}. Stop with Ctrl-C.`,
    )
  })
  return done()
}

/** Role and warehouse are the defaults of the configuration. */
function destination({ account, host, port, user, password, database }: LocalSnowflakeReady): readonly string[] {
  return [
    'destination:',
    '  type: snowflake',
    `  account: ${account}`,
    `  host: ${host}`,
    `  port: ${port}`,
    '  protocol: http',
    `  user: ${user}`,
    `  password: ${password}   # any other is taken too`,
    `  database: ${database}`,
  ]
}
