/** A server's address that can be made unreachable, as while the server restarts. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class TcpProxy implements AsyncDisposable {
  /** The given address, through here. */
  readonly url: string
  #target: { readonly host: string; readonly port: number }
  readonly #port: number
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined

  private constructor(
    url: URL,
    server: Server,
    port: number,
    target: { readonly host: string; readonly port: number },
  ) {
    this.url = url.href
    this.#server = server
    this.#port = port
    this.#target = target
  }

  static async open(url: string): Promise<TcpProxy> {
    const server = createServer()
    await listen(server, 0)
    const { port } = server.address() as AddressInfo
    const address = new URL(url)
    const target = { host: address.hostname, port: Number(address.port) }
    address.hostname = '127.0.0.1'
    address.port = String(port)
    const proxy = new TcpProxy(address, server, port, target)
    proxy.#serve(server)
    return proxy
  }

  /** New connections lead to another server, as after a failover. */
  leadTo(port: number): void {
    this.#target = { ...this.#target, port }
  }

  /** Cuts all connections, and refuses others. */
  async down(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    const closed = new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async up(): Promise<void> {
    const server = createServer()
    this.#serve(server)
    await listen(server, this.#port)
    this.#server = server
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.down()
  }

  #serve(server: Server): void {
    server.on('connection', (socket) => {
      const upstream = connect(this.#target)
      for (const [one, other] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        this.#sockets.add(one)
        one.pipe(other)
        one.on('error', () => other.destroy())
        one.on('close', () => {
          this.#sockets.delete(one)
          other.destroy()
        })
      }
    })
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve())
  })
}
