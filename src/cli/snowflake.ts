import { resolve } from 'node:path'
import { PipelineError } from '../core/errors.ts'
import { counted } from '../core/quantity.ts'
import type { SetupAdministrator, SetupStep } from '../core/warehouse-cost.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'

export interface SetupOptions {
  readonly apply: boolean
  readonly adminUser?: string
  readonly adminRole: string
  readonly adminKey?: string
  readonly awsRoleArn?: string
}

/** Prints SQL that can be run as it is; with `--apply`, what was run. */
export async function setup(context: CommandContext, options: SetupOptions): Promise<CommandEnd> {
  const { output, signal } = context
  const application = await context.open()
  const command = { apply: administrator(context, options), awsRoleArn: options.awsRoleArn }
  const counts = { printed: 0, applied: 0, template: 0 }
  for await (const step of application.setUpWarehouse(command, signal)) {
    counts[step.outcome] += 1
    output.event({ event: 'statement', ...step })
    for (const line of lines(step)) output.answer(line)
  }
  const { applied, template } = counts
  if (template > 0) output.note(`${counted(template, 'statement')} to be completed by hand: see <…>.`)
  if (applied > 0) output.note(`Applied ${counted(applied, 'statement')}. Next: simplyload doctor`)
  else output.note('Run these as ACCOUNTADMIN, or let --apply do it. Next: simplyload doctor')
  return done(counts)
}

function lines({ why, sql, outcome }: SetupStep): readonly string[] {
  if (outcome === 'applied') return [`✓ ${sql}`]
  // A comment, so that the whole can be pasted and the rest of it runs.
  return ['', `-- ${why}`, outcome === 'template' ? `-- ${sql};` : `${sql};`]
}

function administrator(
  { environment }: CommandContext,
  { apply, adminUser, adminRole, adminKey }: SetupOptions,
): SetupAdministrator | undefined {
  if (!apply) return undefined
  if (adminUser === undefined) {
    throw new PipelineError('config_invalid', 'Applying the set-up', {
      cause: new Error('--apply needs --admin-user'),
      hint: 'Name a user who may be ACCOUNTADMIN, with --admin-key <file>, SNOWFLAKE_ADMIN_TOKEN or SNOWFLAKE_ADMIN_PASSWORD',
    })
  }
  return {
    user: adminUser,
    role: adminRole,
    // Relative to where the command is given, not to the configuration file.
    privateKeyPath: adminKey === undefined ? undefined : resolve(adminKey),
    privateKeyPassphrase: environment.SNOWFLAKE_ADMIN_KEY_PASSPHRASE,
    token: environment.SNOWFLAKE_ADMIN_TOKEN,
    password: environment.SNOWFLAKE_ADMIN_PASSWORD,
  }
}
