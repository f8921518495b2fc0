/** A real SMTP server on this machine that keeps what it gets. */
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'

export interface Receiver extends AsyncDisposable {
  readonly port: number
  readonly letters: readonly { readonly from: string; readonly to: readonly string[]; readonly message: Buffer }[]
}

export interface ReceiverOptions {
  /** 0: any that is free. */
  readonly port?: number
  /** Who may send; absent: everybody. */
  readonly user?: string
  readonly password?: string
}

export async function startReceiver({ port = 0, user, password }: ReceiverOptions = {}): Promise<Receiver> {
  const letters: { from: string; to: readonly string[]; message: Buffer }[] = []
  const server = new SMTPServer({
    authOptional: user === undefined,
    allowInsecureAuth: true,
    disabledCommands: ['STARTTLS'],
    onAuth({ username, password: given }, _session, answer) {
      if (username === user && given === password) answer(null, { user: username })
      // Some servers repeat what they were told.
      else answer(new Error(`no user ${username} with password ${given}`))
    },
    onData(stream, { envelope }, answer) {
      buffer(stream).then(
        (message) => {
          const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address
          letters.push({ from, to: envelope.rcptTo.map(({ address }) => address), message })
          answer()
        },
        (error) => answer(error),
      )
    },
  })
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    port: (server.server.address() as AddressInfo).port,
    letters,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
