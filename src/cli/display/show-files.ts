/** Progress of a run over files, in the form that its reader can use: JSON lines, a live display, or plain lines. */
import type { FileProgressListener } from '../../core/file-commands.ts'
import { bytes, counted, duration, timeOfDay } from '../../core/quantity.ts'
import type { CommandContext } from '../command.ts'
import { printable } from '../terminal-text.ts'
import { FilesModel } from './files-model.ts'
import { LiveDisplay } from './live-display.ts'
import { renderFiles } from './render-files.ts'

const EVENT_EVERY_MS = 500
const LINE_EVERY_MS = 5_000

/** Takes itself away when it is disposed. */
export interface ShownFiles extends Disposable {
  readonly listener: FileProgressListener
  /** Drawn in place: nothing else may be written meanwhile. */
  readonly isLive: boolean
}

export function showFiles(context: CommandContext, doing: 'Checking' | 'Loading' = 'Checking'): ShownFiles {
  const { output, stdout, stderr } = context
  const model = new FilesModel(Date.now(), doing)
  const tell = eventTeller(context, model)
  const isTerminal = stdout.isTTY === true && stderr.isTTY === true && context.environment.TERM !== 'dumb'
  if (!output.json && isTerminal && context.options.logLevel === undefined) {
    const { noteColors: colors } = output
    const display = new LiveDisplay(process.stderr, (width, height) =>
      renderFiles(model, { width, height, nowMs: Date.now(), colors }),
    )
    const listener: FileProgressListener = (event) => {
      model.apply(event)
      tell(event)
    }
    return { listener, isLive: true, [Symbol.dispose]: () => display[Symbol.dispose]() }
  }
  const lines = lineTeller(context, model)
  const listener: FileProgressListener = (event) => {
    model.apply(event)
    tell(event)
    lines(event)
  }
  return { listener, isLive: false, [Symbol.dispose]: () => undefined }
}

/** For machines, and for whoever keeps a job: in the words of `progress`. */
function eventTeller({ output }: CommandContext, model: FilesModel): FileProgressListener {
  let toldMs = 0
  return (event) => {
    if (event.event === 'files' && model.doing === 'Checking') {
      output.event({ event: 'start', files: event.files.length })
    }
    if (event.event === 'notice') output.event({ ...event })
    if (event.event !== 'file' || event.atMs - toldMs < EVENT_EVERY_MS) return
    toldMs = event.atMs
    const { file, activity } = event
    const { bytes: read, bytesTotal, part } = model
    output.event({ event: 'progress', file, activity, part, parts: model.files.size, bytes: read, bytesTotal })
  }
}

function lineTeller({ output }: CommandContext, model: FilesModel): FileProgressListener {
  let toldMs = model.startedMs
  const line = (atMs: number, text: string) => output.note(printable(`${timeOfDay(atMs)} ${text}`))
  return (event) => {
    switch (event.event) {
      case 'files': {
        line(event.atMs, `${model.doing.toLowerCase()} ${counted(event.files.length, 'file')}, ${model.sizes}`)
        return
      }
      case 'file': {
        if (event.atMs - toldMs < LINE_EVERY_MS) return
        toldMs = event.atMs
        const left = model.remainingMs(event.atMs)
        const speed = `${bytes(model.perSecond(event.atMs))}/s${left === undefined ? '' : `, ${duration(left)} left`}`
        line(
          event.atMs,
          `${event.file}: ${event.activity}, ${bytes(model.bytes)} of ${bytes(model.bytesTotal)}, ${speed}`,
        )
        return
      }
      case 'checked': {
        const { file, verdict, coverage, durationMs } = event.result
        line(event.atMs, `${file}: ${verdict}, ${counted(coverage.records, 'record')} in ${duration(durationMs)}`)
        return
      }
      case 'loaded':
        return
      case 'notice':
        line(event.atMs, event.message)
    }
  }
}
