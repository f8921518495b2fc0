import { PipelineError } from '../core/errors.ts'

export interface WriterConflict {
  /** Of the state, for people: a path, or a server and schema. */
  readonly place: string
  /** Of the one that has it: `process 4711`; undefined: not known. */
  readonly holder: string | undefined
  /** What this one could have in its place: `a folder of its own (state.path)`. */
  readonly other: string
  /** What ends a holder whose machine is gone. */
  readonly end?: string | undefined
  readonly context: Readonly<Record<string, string>>
}

/** A state has one writer; which command that is, its lock does not tell. */
export function anotherWriter({ place, holder, other, end, context }: WriterConflict): PipelineError {
  const gone = end === undefined ? '' : `; one whose machine is gone: ${end}`
  return new PipelineError('state_locked', `Opening the state ${place}`, {
    cause: new Error(
      `another sync, load of files or job is writing to it${holder === undefined ? '' : ` (${holder})`}`,
    ),
    hint:
      `Let the other one end, or stop it (simplyload jobs list shows those in the background)${gone}. ` +
      `Or give this one ${other} and sources of its own`,
    context,
  })
}
