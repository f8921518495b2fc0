/** The JSON Schema of `simplyload.yaml`, for editors. */
import { z } from 'zod'

/** What this program reads of a schema; draft 7, which editors know best. */
export interface JsonSchema {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly description?: string
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly [keyword: string]: unknown
}

/** As people write values: before defaults and transforms. */
export function inputSchema(schema: z.core.$ZodType): JsonSchema {
  const { readOnly: _, ...input } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' })
  return input as JsonSchema
}

/** Where the program takes more than zod can say: `${VARIABLE}` in place of a number, a word or a formed text. */
export function editorSchema(schema: JsonSchema): JsonSchema {
  return { title: 'simplyload.yaml', ...withVariables(schema) }
}

function withVariables(schema: JsonSchema): JsonSchema {
  if (isFormedScalar(schema)) {
    const { description, default: fallback, ...form } = schema
    return {
      ...(description === undefined ? {} : { description }),
      ...(fallback === undefined ? {} : { default: fallback }),
      anyOf: [...(form.anyOf ?? [form]), { type: 'string', pattern: '\\$\\{' }],
    }
  }
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => [keyword, withVariablesBelow(keyword, value)]),
  ) as JsonSchema
}

function withVariablesBelow(keyword: string, value: unknown): unknown {
  switch (keyword) {
    case 'properties':
      return Object.fromEntries(Object.entries(value as object).map(([key, child]) => [key, withVariables(child)]))
    case 'items':
      return withVariables(value as JsonSchema)
    case 'additionalProperties':
      return typeof value === 'object' ? withVariables(value as JsonSchema) : value
    case 'anyOf':
    case 'oneOf':
      return (value as readonly JsonSchema[]).map(withVariables)
    default:
      return value
  }
}

/** Plain texts take variables as they are, and the `type` of a connector decides what is read before variables are. */
function isFormedScalar(schema: JsonSchema): boolean {
  if (schema.anyOf !== undefined) return schema.anyOf.every(isFormedScalar)
  if (schema.const !== undefined) return false
  if (schema.type === 'string') return schema.pattern !== undefined || schema.enum !== undefined
  return schema.type === 'number' || schema.type === 'integer' || schema.type === 'boolean'
}
