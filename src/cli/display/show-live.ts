/** The live display of `sync`: events in, frames out, and the keys that a person may press. */
import type { ConfigSummary } from '../../core/application.ts'
import type { ProgressListener } from '../../core/progress.ts'
import type { CommandContext } from '../command.ts'
import { type DisplayTerminal, LiveDisplay } from './live-display.ts'
import { renderSync } from './render-sync.ts'
import { SyncModel } from './sync-model.ts'

const PAGE = 10
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals send arrow keys as escape sequences
const KEY = /\x1b\[[\d;]*[A-Za-z~]|[\s\S]/g

/** Takes itself away when it is disposed. */
export interface ShownProgress extends Disposable {
  readonly listener: ProgressListener
}

export function showLive(context: CommandContext, summary: ConfigSummary, terminal: DisplayTerminal): ShownProgress {
  const model = new SyncModel(Date.now())
  for (const source of summary.sources) for (const table of source.tables) model.expect(source.name, table)
  const from = summary.sources.map(({ name, description }) => `${name}: ${description}`).join(', ')
  const route = `${from} → ${summary.destination.description}`
  let scroll: number | undefined
  const move = (lines: number): void => {
    if (scroll !== undefined) scroll = Math.max(0, Math.min(model.tables.size - 1, scroll + lines))
  }
  const keys: Readonly<Record<string, () => void>> = {
    q: context.interrupt,
    '\x03': context.interrupt, // Ctrl-C: the terminal sends no signal in raw mode
    a: () => {
      scroll = scroll === undefined ? 0 : undefined
    },
    '\x1b[A': () => move(-1),
    '\x1b[B': () => move(1),
    '\x1b[5~': () => move(-PAGE),
    '\x1b[6~': () => move(PAGE),
  }
  const release = listenForKeys(context.stdin, (key) => keys[key]?.())
  const { noteColors: colors } = context.output
  const display = new LiveDisplay(terminal, (width, height) =>
    renderSync(model, { width, height, nowMs: Date.now(), colors, route, scroll }),
  )
  return {
    listener: (event) => model.apply(event),
    [Symbol.dispose]() {
      display[Symbol.dispose]()
      release()
    },
  }
}

function listenForKeys(stdin: NodeJS.ReadStream, onKey: (key: string) => void): () => void {
  if (stdin.isTTY !== true) return () => undefined
  // Keys that are pressed fast arrive together.
  const listener = (data: Buffer): void => {
    for (const [key] of data.toString('utf8').matchAll(KEY)) onKey(key)
  }
  const release = (): void => {
    process.off('exit', release)
    stdin.off('data', listener)
    stdin.setRawMode(false)
    stdin.pause()
  }
  process.once('exit', release)
  stdin.setRawMode(true)
  stdin.on('data', listener)
  stdin.resume()
  return release
}
