/** Calendars of the configuration are opened together, so that all that is wrong with them is told at once, each with its place. */
import type { WrittenPlaces } from '../../config/written-place.ts'
import { describeError, isPipelineError, PipelineError } from '../../core/errors.ts'
import type { FiscalYearRequest } from '../../quality/calendar/fiscal-year.ts'
import { type CalendarRequest, openCalendar } from '../../quality/calendar/open-calendar.ts'
import type { NamedCalendar } from '../../quality/checks/check-run.ts'

export interface WrittenCalendar {
  readonly request: CalendarRequest
  readonly fiscal?: FiscalYearRequest | undefined
}

/** By name. Throws `config_invalid` with each that cannot be opened. */
export async function openCalendars(
  written: ReadonlyMap<string, WrittenCalendar>,
  { ofCalendar }: Pick<WrittenPlaces, 'ofCalendar'>,
): Promise<ReadonlyMap<string, NamedCalendar>> {
  const opened = new Map<string, NamedCalendar>()
  const faults: { readonly name: string; readonly error: PipelineError }[] = []
  for (const [name, { request, fiscal }] of written) {
    try {
      opened.set(name, { calendar: await openCalendar(request), fiscal })
    } catch (error) {
      if (!isPipelineError(error, 'config_invalid')) throw error
      faults.push({ name, error })
    }
  }
  if (faults.length === 0) return opened
  const lines = faults.map(({ name, error }) => {
    const place = ofCalendar(name)
    const hint = error.hint === undefined ? '' : `. ${error.hint}`
    return `${place === undefined ? '' : `${place}: `}calendars.${name}: ${describeError(error)}${hint}`
  })
  const what = faults.length === 1 ? `the calendar ${faults[0]?.name}` : `${faults.length} calendars`
  throw new PipelineError('config_invalid', `Opening ${what}`, { cause: new Error(lines.join('\n')) })
}
