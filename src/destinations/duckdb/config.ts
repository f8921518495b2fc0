import { z } from 'zod'
import { BYTE_SIZE_FORM, BYTE_SIZE_PATTERN, byteSize } from '../../core/byte-size.ts'

const size = z
  .union(
    [z.int().nonnegative(), z.string().regex(BYTE_SIZE_PATTERN, `must be ${BYTE_SIZE_FORM}`)],
    `must be ${BYTE_SIZE_FORM}`,
  )
  .transform(byteSize)

export const duckdbDestinationSchema = z
  .strictObject({
    type: z.literal('duckdb').describe('A DuckDB file on this machine.'),
    path: z
      .string()
      .min(1)
      .describe('The database file; it is created. Relative paths start at the folder of the configuration file.'),
    memory: size
      // Below this DuckDB cannot even merge a small batch beside an open row group per thread.
      .refine((bytes) => bytes >= 64 << 20, 'must be at least 64MiB')
      .optional()
      .describe(
        'Memory that DuckDB may use while it merges; beyond it, it works on disk. Default: half of sync.memory.',
      ),
    threads: z.int().min(1).max(256).optional().describe('Threads that DuckDB may use. Default: one per processor.'),
  })
  .transform(({ memory, threads, ...rest }) => ({
    ...rest,
    ...(memory === undefined ? {} : { memoryLimitBytes: memory }),
    ...(threads === undefined ? {} : { threads }),
  }))
