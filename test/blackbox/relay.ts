// A TCP way to the control plane that the test can cut, and lead to another control plane.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface Relay {
  url: string
  /** Breaks every connection and takes none until mended. */
  cut(): void
  mend(): void
  /** Holds back all that the connections that there are carry, both ways, their end too, as a lost route does. */
  stall(): void
  /** Where new connections lead from now on; those that there are stay. */
  leadTo(url: string): void
  close(): void
}

export async function openRelay(url: string): Promise<Relay> {
  let goal = new URL(url)
  let isCut = false
  const sockets = new Set<Socket>()
  const stalled = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  }
  const server = createServer({ noDelay: true }, (from) => {
    keep(from)
    if (isCut) return from.destroy()
    const to = connect({ host: goal.hostname, port: Number(goal.port), noDelay: true })
    keep(to)
    from.on('close', () => stalled.has(from) || to.destroy())
    to.on('close', () => stalled.has(to) || from.destroy())
    from.pipe(to)
    to.pipe(from)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const breakAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      isCut = true
      breakAll()
    },
    mend() {
      isCut = false
    },
    stall() {
      for (const socket of sockets) stalled.add(socket.unpipe().pause())
    },
    leadTo(other) {
      goal = new URL(other)
    },
    close() {
      server.close()
      breakAll()
    },
  }
}
