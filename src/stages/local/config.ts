import { z } from 'zod'
import { DURATION_FORM, DURATION_PATTERN, durationMs } from '../../core/duration.ts'

export const localStageSchema = z
  .strictObject({
    type: z.literal('local').describe('A folder on this machine.'),
    path: z
      .string()
      .min(1)
      .default('.simplyload/stage')
      .describe('Folder for stage files. Relative paths start at the folder of the configuration file.'),
    retention: z
      .string(`must be ${DURATION_FORM}`)
      .regex(DURATION_PATTERN, `must be ${DURATION_FORM}`)
      // Long enough to look into what was loaded before a weekend and a holiday.
      .prefault('7d')
      .describe('How long a stage file stays after its rows are in the final table.'),
  })
  .transform(({ type, path, retention }) => ({ type, path, retentionMs: durationMs(retention) }))
