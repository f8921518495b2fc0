/** Precision and scale of arithmetic on NUMBER (docs: sql-reference/operators-arithmetic). */
import type { DataType } from './data-type.ts'

type Fixed = DataType & { kind: 'NUMBER' }

export function sumType(a: Fixed, b: Fixed): Fixed {
  const scale = Math.max(a.scale, b.scale)
  return fixed(Math.max(leading(a), leading(b)) + 1 + scale, scale)
}

export function productType(a: Fixed, b: Fixed): Fixed {
  const scale = Math.min(a.scale + b.scale, Math.max(a.scale, b.scale, 12))
  return fixed(leading(a) + leading(b) + scale, scale)
}

export function quotientType(a: Fixed, b: Fixed): Fixed {
  const scale = Math.max(a.scale, Math.min(a.scale + 6, 12))
  return fixed(leading(a) + b.scale + scale, scale)
}

/** Of the modulo, and of a choice between two values. */
export function unionType(a: Fixed, b: Fixed): Fixed {
  const scale = Math.max(a.scale, b.scale)
  return fixed(Math.max(leading(a), leading(b)) + scale, scale)
}

export function fixed(precision: number, scale: number): Fixed {
  return { kind: 'NUMBER', precision: Math.max(1, Math.min(precision, 38)), scale }
}

function leading(type: Fixed): number {
  return type.precision - type.scale
}
