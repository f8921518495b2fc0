import { z } from 'zod'

export const fileStateSchema = z.strictObject({
  type: z
    .literal('file')
    .describe('JSON files in a folder on this machine: one per table, and a journal of everything else.'),
  path: z
    .string()
    .min(1)
    .default('.simplyload/state')
    .describe('Folder of its own for operational state. Relative paths start at the folder of the configuration file.'),
})
