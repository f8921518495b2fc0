/** Reads e-mails as programs for e-mail do: parts, their headers, what they hold. Knows what the tests need, and no more. */

export interface MimePart {
  /** `text/csv`. */
  readonly type: string
  readonly headers: ReadonlyMap<string, string>
  /** Undefined for parts that hold others. */
  readonly content: Buffer | undefined
  readonly parts: readonly MimePart[]
}

export function readMime(message: Buffer): MimePart {
  return readPart(message.toString('latin1'))
}

/** The part and all in it, in the order of the message. */
export function allParts(part: MimePart): readonly MimePart[] {
  return [part, ...part.parts.flatMap(allParts)]
}

/** RFC 2047: `=?UTF-8?Q?…?=`. */
export function headerText(value: string): string {
  return value
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([qb])\?([^?]*)\?=/gi, (_, kind: string, text: string) =>
      kind.toLowerCase() === 'b'
        ? Buffer.from(text, 'base64').toString()
        : decodeQuotedPrintable(text.replaceAll('_', ' ')).toString(),
    )
}

function readPart(text: string): MimePart {
  const end = text.indexOf('\r\n\r\n')
  const lines = text
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
  const headers = new Map(
    lines.map((line): [string, string] => {
      const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(line) ?? []
      return [name.toLowerCase(), value]
    }),
  )
  const body = text.slice(end + 4)
  const kind = headers.get('content-type') ?? 'text/plain'
  const type = kind.split(';')[0]!.trim()
  const boundary = /boundary="?([^";]+)"?/.exec(kind)?.[1]
  if (boundary !== undefined) {
    const pieces = `\r\n${body}`.split(`\r\n--${boundary}`).slice(1, -1)
    return { type, headers, content: undefined, parts: pieces.map((piece) => readPart(piece.replace(/^\r\n/, ''))) }
  }
  const encoding = headers.get('content-transfer-encoding')?.toLowerCase()
  const content =
    encoding === 'base64'
      ? Buffer.from(body, 'base64')
      : encoding === 'quoted-printable'
        ? decodeQuotedPrintable(body)
        : Buffer.from(body, 'latin1')
  return { type, headers, content, parts: [] }
}

function decodeQuotedPrintable(text: string): Buffer {
  const plain = text
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
  return Buffer.from(plain, 'latin1')
}
