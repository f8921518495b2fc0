/** Finds out what keys and values a zod schema takes at a place, without parsing: for suggestions and overrides. */
import type { z } from 'zod'

type Schema = z.core.$ZodType

/** The schemas that a value may follow: alternatives of unions one by one, without wrappers such as defaults. */
export function alternatives(schema: Schema): readonly Schema[] {
  const { def } = (schema as z.core.$ZodTypes)._zod
  switch (def.type) {
    case 'default':
    case 'prefault':
    case 'optional':
    case 'nullable':
    case 'readonly':
    case 'nonoptional':
    case 'catch':
      return alternatives(def.innerType)
    case 'pipe':
      return alternatives(def.in)
    case 'union':
      return def.options.flatMap(alternatives)
    default:
      return [schema]
  }
}

/** Of mappings of different connectors, the one that `value` has the type of. */
export function alternativesFor(schemas: readonly Schema[], value: unknown): readonly Schema[] {
  const all = schemas.flatMap(alternatives)
  if (typeof value !== 'object' || value === null || !('type' in value)) return all
  const chosen = all.filter((schema) => schema._zod.propValues?.type?.has(value.type as string) ?? false)
  return chosen.length > 0 ? chosen : all
}

/** Keys that are known at a place. Those of records are the user's own. */
export function knownKeys(schemas: readonly Schema[]): readonly string[] {
  const keys = schemas.flatMap((schema) => {
    const { def } = (schema as z.core.$ZodTypes)._zod
    return def.type === 'object' ? Object.keys(def.shape) : []
  })
  return [...new Set(keys)]
}

/** True where keys are names of the user's choice. */
export function takesAnyKey(schemas: readonly Schema[]): boolean {
  return schemas.some((schema) => (schema as z.core.$ZodTypes)._zod.def.type === 'record')
}

/** Schemas of what is below `key`; none where nothing is taken there. */
export function below(schemas: readonly Schema[], key: string | number): readonly Schema[] {
  return schemas.flatMap((schema): readonly Schema[] => {
    const { def } = (schema as z.core.$ZodTypes)._zod
    if (def.type === 'array') return typeof key === 'number' ? alternatives(def.element) : []
    if (def.type === 'record') return alternatives(def.valueType)
    if (def.type !== 'object' || !Object.hasOwn(def.shape, key)) return []
    const child = def.shape[key]
    return child === undefined ? [] : alternatives(child)
  })
}

/** The schemas of a whole path through `value`. */
export function schemasAt(root: Schema, value: unknown, path: readonly (string | number)[]): readonly Schema[] {
  let schemas = alternativesFor([root], value)
  let current = value
  for (const key of path) {
    current = typeof current === 'object' && current !== null ? (current as Record<string, unknown>)[key] : undefined
    schemas = alternativesFor(below(schemas, key), current)
  }
  return schemas
}
