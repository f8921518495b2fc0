/**
 * A process of its own that reads one `COPY … TO STDOUT` per connection and throws the bytes away: the leanest client that
 * Node can be. The driver only connects; after that the socket fills one buffer again and again, and of its content
 * nothing is looked at but the last bytes, to see the end.
 *
 *   node copy-client.ts '{"url":"…","statements":["COPY …"]}'   → {"seconds":…,"bytes":…,"rows":…}
 */
import { Socket } from 'node:net'
import pg from 'pg'

const BUFFER_BYTES = 1024 * 1024

interface CopyRequest {
  readonly url: string
  readonly statements: readonly string[]
}

interface Answer {
  readonly bytes: number
  readonly rows: number
}

/** ReadyForQuery, idle: the last six bytes of what the server sends. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])
/** Holds CommandComplete (`COPY 3000000`) and ReadyForQuery. */
const TAIL_BYTES = 64

interface RawConnection {
  read(statement: string): Promise<Answer>
  end(): Promise<void>
}

async function openRaw(url: string): Promise<RawConnection> {
  let take: ((buffer: Buffer) => void) | undefined
  const buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  const socket = new Socket({
    onread: {
      buffer,
      callback(bytes: number, chunk: Uint8Array) {
        const received = Buffer.from(chunk.buffer, chunk.byteOffset, bytes)
        if (take === undefined) socket.emit('data', Buffer.from(received))
        else take(received)
        return true
      },
    },
  } as ConstructorParameters<typeof Socket>[0])
  const client = new pg.Client({ connectionString: url, stream: () => socket })
  await client.connect()
  return {
    read(statement) {
      return new Promise((resolve, reject) => {
        let bytes = 0
        let tail: Buffer = Buffer.alloc(0)
        take = (received) => {
          bytes += received.length
          const end = received.subarray(-TAIL_BYTES)
          tail = end.length === TAIL_BYTES ? Buffer.from(end) : Buffer.concat([tail, end]).subarray(-TAIL_BYTES)
          if (!tail.subarray(-READY.length).equals(READY)) return
          take = undefined
          const rows = /COPY (\d+)\0/.exec(tail.toString('latin1'))?.[1]
          if (rows === undefined) reject(new Error(`the server did not copy: ${tail.toString('latin1')}`))
          else resolve({ bytes, rows: Number(rows) })
        }
        const text = Buffer.from(`${statement}\0`)
        const message = Buffer.alloc(5 + text.length)
        message.write('Q')
        message.writeInt32BE(4 + text.length, 1)
        text.copy(message, 5)
        socket.write(message)
      })
    },
    end: () => client.end(),
  }
}

const request = JSON.parse(process.argv[2] ?? '') as CopyRequest
const connections = await Promise.all(request.statements.map(() => openRaw(request.url)))
const started = performance.now()
const answers = await Promise.all(connections.map((connection, at) => connection.read(request.statements[at] ?? '')))
const seconds = (performance.now() - started) / 1000
await Promise.all(connections.map((connection) => connection.end()))
const sum = (of: (answer: Answer) => number) => answers.reduce((total, answer) => total + of(answer), 0)
process.stdout.write(
  JSON.stringify({ seconds, bytes: sum((answer) => answer.bytes), rows: sum((answer) => answer.rows) }),
)
