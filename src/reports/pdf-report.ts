/** The report as PDF, for people who file it: made without a browser. Nothing is loaded but the font's own files. */
import pdfmake from 'pdfmake'
import type { CheckRun } from '../core/file-check.ts'
import { pdfContent, STYLES } from './pdf-content.ts'
import type { ReportContext } from './report-data.ts'
import { FONT_NAME, reportFont } from './report-font.ts'
import { summarize } from './summary.ts'

export async function pdfReport(run: CheckRun, { before }: ReportContext = {}): Promise<Buffer> {
  const font = reportFont()
  const paths: readonly string[] = Object.values(font)
  pdfmake.setFonts({ [FONT_NAME]: { ...font, bolditalics: font.bold } })
  pdfmake.setUrlAccessPolicy(() => false)
  pdfmake.setLocalAccessPolicy((path) => paths.includes(path))
  const summary = summarize(run, before)
  const made = pdfmake.createPdf({
    info: { title: `${summary.headline}: ${run.run}`, creator: 'SimplyLoad', producer: 'SimplyLoad' },
    pageSize: 'A4',
    pageMargins: [40, 40, 40, 48],
    defaultStyle: { font: FONT_NAME, fontSize: 9, color: '#16202c', lineHeight: 1.15 },
    styles: { ...STYLES },
    content: pdfContent(run, summary),
    footer: (page, pages) => ({
      columns: [
        { text: `Run ${run.run}`, style: 'soft' },
        { text: `${page} of ${pages}`, style: 'soft', alignment: 'right' },
      ],
      margin: [40, 16, 40, 0],
      fontSize: 8,
    }),
  })
  return Buffer.from(await made.getBuffer())
}
