/** Colours of what a report says, the same in PDFs and e-mails. The page has its own, since it knows light and dark. */
import type { Severity, Verdict } from '../core/file-check.ts'

export const VERDICT_COLORS: Readonly<Record<Verdict, readonly [paper: string, ink: string]>> = {
  pass: ['#e2f4ea', '#1a7146'],
  warning: ['#fff3dc', '#9a5b00'],
  fail: ['#fdebec', '#b3202c'],
}

export const SEVERITY_COLORS: Readonly<Record<Severity, string>> = {
  CRITICAL: '#b3202c',
  WARNING: '#9a5b00',
  INFO: '#2b5d8c',
}
