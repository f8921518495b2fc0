import { isPipelineError } from '../core/errors.ts'
import type { FileReports, SendOutcome } from '../core/file-report.ts'
import type { CommandContext } from './command.ts'

/** After a run of checks: what could not be sent before is tried again. That it fails again is a remark, no failure of the run. */
export async function sendWaiting({ output, signal }: CommandContext, reports: FileReports): Promise<void> {
  const sends = await reports.sendPending(signal).catch((error: unknown): readonly SendOutcome[] => {
    if (!isPipelineError(error)) throw error
    output.note(`Reports wait to be sent: ${error.message}`)
    return []
  })
  for (const send of sends) {
    output.event({ event: 'send', ...send })
    output.note(
      send.sent ? `The report of ${send.run} was sent.` : `The report of ${send.run} waits: ${send.problem ?? ''}`,
    )
  }
}
