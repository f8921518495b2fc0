/** The e-mail of a report: a summary that can be read as it is, the calendar as a picture in it, findings as CSV beside it. */
import type { CheckRun } from '../core/file-check.ts'
import type { ReportAttachment } from '../core/file-report.ts'
import { calendarSvg, setDays } from './calendar-svg.ts'
import { emailHtml, emailSubject, emailText } from './email-body.ts'
import { findingsCsv } from './findings-csv.ts'
import type { ReportContext } from './report-data.ts'
import { summarize } from './summary.ts'

export interface EmailPart {
  readonly filename: string
  readonly content: Buffer | string
  readonly contentType: string
  /** Of parts that the HTML shows. */
  readonly cid?: string
}

export interface ReportEmail {
  /** The same for the same run, so that one that arrives twice is known as one. */
  readonly messageId: string
  readonly subject: string
  readonly html: string
  readonly text: string
  readonly attachments: readonly EmailPart[]
}

const PICTURE_ID = 'calendar@simplyload'
/** Twice as many as it is shown with, for screens with small pixels. */
const PICTURE_PIXELS = 1184

export async function reportEmail(
  run: CheckRun,
  context: ReportContext,
  attach: readonly ReportAttachment[],
): Promise<ReportEmail> {
  const summary = summarize(run, context.before)
  const picture = await calendarPicture(run)
  return {
    messageId: `<${run.run.replace(/[^\w.-]/g, '_')}@simplyload.${run.host.replace(/[^\w.-]/g, '_')}>`,
    subject: emailSubject(run, summary),
    html: emailHtml(run, summary, picture && PICTURE_ID),
    text: emailText(run, summary),
    attachments: [
      ...(picture === undefined
        ? []
        : [{ filename: 'calendar.png', content: picture, contentType: 'image/png', cid: PICTURE_ID }]),
      { filename: `findings-${run.run}.csv`, content: findingsCsv(run), contentType: 'text/csv; charset=utf-8' },
      ...(await Promise.all(attach.map((kind) => attachedReport(kind, run, context)))),
    ],
  }
}

/** Of the first set that has days. */
async function calendarPicture(run: CheckRun): Promise<Buffer | undefined> {
  const sets = [...new Set(run.files.map(({ set }) => set))]
  const svg = sets.map((set) => calendarSvg(setDays(run, set))).find((drawing) => drawing !== undefined)
  if (svg === undefined) return undefined
  const { pngOf } = await import('./picture.ts')
  return pngOf(svg, PICTURE_PIXELS)
}

async function attachedReport(kind: ReportAttachment, run: CheckRun, context: ReportContext): Promise<EmailPart> {
  if (kind === 'pdf') {
    const { pdfReport } = await import('./pdf-report.ts')
    const content = await pdfReport(run, context)
    return { filename: `report-${run.run}.pdf`, content, contentType: 'application/pdf' }
  }
  const { htmlReport } = await import('./html-report.ts')
  return {
    filename: `report-${run.run}.html`,
    content: htmlReport(run, context),
    contentType: 'text/html; charset=utf-8',
  }
}
