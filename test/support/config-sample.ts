/** Connectors that exist in no other place, so that the tests of the configuration do not move with the real ones. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { loadConfig } from '../../src/config/load.ts'
import { configSchema } from '../../src/config/schema.ts'
import { PipelineError } from '../../src/core/errors.ts'

const table = z.union([
  z.string().transform((name) => ({ name, hard_delete: false, exclude: [] as string[] })),
  z.strictObject({
    name: z.string().min(1),
    hard_delete: z.boolean().default(false),
    exclude: z.array(z.string()).default([]),
  }),
])

export const SAMPLE_SCHEMA = configSchema({
  sources: [
    z.strictObject({
      type: z.literal('wells'),
      url: z.string().min(1),
      password: z.string().optional(),
      mode: z.enum(['auto', 'cdc']).default('auto'),
      depth: z.int().min(1).max(100).optional(),
      tables: z.array(table).min(1),
      lids: z.record(z.string(), z.boolean()).optional(),
    }),
    z.strictObject({ type: z.literal('rivers'), width: z.number() }),
  ],
  destinations: [
    z
      .strictObject({ type: z.literal('tank'), path: z.string().min(1) })
      .transform((tank) => ({ ...tank, filled: false })),
    z.strictObject({ type: z.literal('lake'), account: z.string() }),
  ],
  stages: [z.strictObject({ type: z.literal('pipe'), path: z.string().default('pipe') })],
  states: [z.strictObject({ type: z.literal('gauge'), path: z.string().default('gauge') })],
})

export const SAMPLE = `version: 1
sources:
  shop:
    type: wells
    url: http://well
    tables: [public.orders]
destination: { type: tank, path: tank.file }
`

export interface SampleRequest {
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly settings?: readonly string[]
  /** Content of the file `.env` beside the configuration. */
  readonly dotEnv?: string
}

/** Loads `text` from a file of its own. */
export async function loadSample(text: string, { environment = {}, settings = [], dotEnv }: SampleRequest = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'simplyload-config-'))
  try {
    const file = join(folder, 'simplyload.yaml')
    writeFileSync(file, text)
    if (dotEnv !== undefined) writeFileSync(join(folder, '.env'), dotEnv)
    return await loadConfig(SAMPLE_SCHEMA, { file, environment, settings })
  } catch (error) {
    if (!(error instanceof PipelineError) || !(error.cause instanceof Error)) throw error
    throw new Refusal(
      error,
      error.cause.message.replaceAll(`${folder}/`, ''),
      `${error.hint}`.replaceAll(`${folder}/`, ''),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The error as people read it, without the name of the temporary folder. */
export class Refusal extends Error {
  readonly error: PipelineError
  readonly hint: string

  constructor(error: PipelineError, message: string, hint: string) {
    super(message)
    this.error = error
    this.hint = hint
  }
}

/** The lines of the refusal of `text`; fails where it is accepted. */
export async function refusal(text: string, request?: SampleRequest): Promise<Refusal> {
  try {
    await loadSample(text, request)
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  throw new Error('It was accepted')
}
