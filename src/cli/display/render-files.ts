/** A run over files as lines of text: a function of what is known, the size of the terminal and the time. */

import { bytes, count, counted, duration, stopwatch } from '../../core/quantity.ts'
import type { Palette } from '../palette.ts'
import { fitted, printable } from '../terminal-text.ts'
import type { FilesModel, ShownFile } from './files-model.ts'
import { progressBar } from './sparkline.ts'
import { fitPlain } from './view.ts'

export interface FilesView {
  readonly width: number
  readonly height: number
  readonly nowMs: number
  readonly colors: Palette
}

const NAME_MAX = 56
const BAR_MAX = 32

export function renderFiles(model: FilesModel, view: FilesView): readonly string[] {
  const { width, height, colors, nowMs } = view
  const files = [...model.files.values()]
  if (files.length === 0) return [fitPlain('Looking for files …', width)]
  const title = `${model.doing} file ${count(Math.max(1, model.part))} of ${count(files.length)}, ${model.sizes}`
  const clock = stopwatch(nowMs - model.startedMs)
  const head = `${colors.bold(fitted(title, Math.max(0, width - clock.length - 1), 'left'))} ${clock}`
  const lines = [head, progressLine(model, view), '']
  const room = Math.max(1, height - lines.length - (model.notice === undefined ? 3 : 4))
  const shown = chosen(files, room)
  for (const file of shown) lines.push(fileLine(file, view))
  const hidden = files.length - shown.length
  if (hidden > 0) lines.push(colors.dim(fitPlain(`  … and ${counted(hidden, 'more file', 'more files')}`, width)))
  if (model.notice !== undefined) lines.push(colors.yellow(fitPlain(printable(`  ${model.notice}`), width)))
  return lines.slice(0, Math.max(1, height - 1))
}

function progressLine(model: FilesModel, { width, colors, nowMs }: FilesView): string {
  const { bytes: done, bytesTotal } = model
  const share = bytesTotal === 0 ? 0 : done / bytesTotal
  const perSecond = model.perSecond(nowMs)
  const left = model.remainingMs(nowMs)
  const facts = [
    `${model.isDone ? 100 : Math.min(99, Math.floor(share * 100))} %`,
    `${bytes(done)} of ${bytes(bytesTotal)}`,
    ...(perSecond > 0 ? [`${bytes(perSecond)}/s`] : []),
    ...(left === undefined ? [] : [`${duration(left)} left`]),
  ].join('  ')
  const room = width - facts.length - 2
  if (room < 10) return fitPlain(facts, width)
  const bar = progressBar(share, Math.min(BAR_MAX, room))
  return `${colors.cyan(bar.done)}${colors.dim(bar.rest)}  ${facts}`
}

/** What is read now, then what went wrong, then what is done last, then what is to come. */
function chosen(files: readonly ShownFile[], room: number): readonly ShownFile[] {
  if (files.length <= room) return files
  const rank = ({ state }: ShownFile) => ['active', 'fail', 'warning', 'pass', 'waiting'].indexOf(state)
  const kept = new Set(files.toSorted((a, b) => rank(a) - rank(b)).slice(0, Math.max(1, room - 1)))
  return files.filter((file) => kept.has(file))
}

function fileLine(file: ShownFile, { width, colors }: FilesView): string {
  const names = Math.min(NAME_MAX, Math.max(12, width - 46))
  const name = fitted(printable(file.name), names, 'left', 'start')
  const told = fitPlain(textOf(file), Math.max(0, width - names - 4))
  switch (file.state) {
    case 'waiting':
      return colors.dim(`○ ${name}  ${told}`.trimEnd())
    case 'active':
      return `${colors.cyan('◐')} ${name}  ${told}`
    case 'fail':
      return `${colors.red('✗')} ${name}  ${colors.red(told)}`
    case 'warning':
      return `${colors.yellow('!')} ${name}  ${colors.yellow(told)}`
    case 'pass':
      return `${colors.green('✓')} ${name}  ${told}`
  }
}

function textOf(file: ShownFile): string {
  switch (file.state) {
    case 'waiting':
      return bytes(file.size)
    case 'active':
      return `${bytes(file.bytes)} of ${bytes(file.bytesTotal)}, ${printable(file.activity)}`
    default:
      if (file.activity === 'loaded') return counted(file.records, 'row')
      if (file.activity === 'failed') return 'failed'
      return `${counted(file.records, 'record')}, ${file.state === 'warning' ? 'warnings' : file.state}`
  }
}
