import { type ErrorCode, type ErrorSide, errorSide, isPipelineError } from '../core/errors.ts'

export const EXIT = {
  ok: 0,
  unexpected: 1,
  configuration: 2,
  access: 3,
  source: 4,
  destination: 5,
  different: 6,
  partial: 7,
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

// Stage and state are storage of ours on the way to the destination: whoever is called at night for one is for the others.
const BY_SIDE: Readonly<Record<ErrorSide, ExitCode>> = {
  configuration: EXIT.configuration,
  access: EXIT.access,
  source: EXIT.source,
  stage: EXIT.destination,
  destination: EXIT.destination,
  state: EXIT.destination,
  verification: EXIT.different,
  internal: EXIT.unexpected,
}

export function exitCodeOf(error: unknown): ExitCode {
  return isPipelineError(error) ? exitCodeFor(error.code) : EXIT.unexpected
}

export function exitCodeFor(code: ErrorCode): ExitCode {
  return BY_SIDE[errorSide(code)]
}
