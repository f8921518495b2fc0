/** Colours for people. With colours off every function returns its text unchanged. */
export interface Palette {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
  readonly cyan: (text: string) => string
}

export const PLAIN: Palette = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same }

const ANSI: Palette = {
  bold: code(1, 22),
  dim: code(2, 22),
  red: code(31, 39),
  green: code(32, 39),
  yellow: code(33, 39),
  cyan: code(36, 39),
}

/** https://no-color.org: any non-empty NO_COLOR switches colours off. */
export function palette(
  isTerminal: boolean,
  wanted: boolean,
  environment: Readonly<Record<string, string | undefined>>,
): Palette {
  const refused = !wanted || (environment.NO_COLOR ?? '') !== '' || environment.TERM === 'dumb'
  return isTerminal && !refused ? ANSI : PLAIN
}

function same(text: string): string {
  return text
}

function code(open: number, close: number): (text: string) => string {
  return (text) => `\x1b[${open}m${text}\x1b[${close}m`
}
