/** Drawings as PNG: programs that show e-mails leave SVG out. */
import { Resvg } from '@resvg/resvg-js'
import { FONT_NAME, reportFont } from './report-font.ts'

/** `width` in pixels. */
export function pngOf(svg: string, width: number): Buffer {
  const { normal, bold } = reportFont()
  const drawing = new Resvg(svg, {
    background: '#ffffff',
    fitTo: { mode: 'width', value: width },
    font: { loadSystemFonts: false, fontFiles: [normal, bold], defaultFontFamily: FONT_NAME },
  })
  return Buffer.from(drawing.render().asPng())
}
