/** The font of PDFs and of pictures in e-mails: Roboto as it comes with pdfmake, so that reports look the same on any machine. */
import { createRequire } from 'node:module'

export const FONT_NAME = 'Roboto'

export interface ReportFont {
  readonly normal: string
  readonly bold: string
  readonly italics: string
}

/** Paths of the font's files. */
export function reportFont(): ReportFont {
  const require = createRequire(import.meta.url)
  const path = (style: string): string => require.resolve(`pdfmake/fonts/Roboto/Roboto-${style}.ttf`)
  return { normal: path('Regular'), bold: path('Medium'), italics: path('Italic') }
}
