import { z } from 'zod'

export const sqliteStateSchema = z.strictObject({
  type: z.literal('sqlite').describe('A file on this machine.'),
  path: z
    .string()
    .min(1)
    .default('.simplyload/state.db')
    .describe('File for operational state. Relative paths start at the folder of the configuration file.'),
})
