// The only socket of this driver: a connected datagram socket, whose send leaves within the turn.
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'

export interface UdpEvents {
  /** Connected: `send` works from now on. */
  opened(): void
  received(datagram: Uint8Array): void
  /** A passing trouble, such as ECONNREFUSED from an ICMP message; the socket stays usable. */
  troubled(code: string): void
  /** The socket is gone. Never called within `send` or `close`, and not after `close`. */
  closed(code: string): void
}

export interface Udp {
  /**
   * Hands the datagram to the kernel in this very turn. False when that was not possible; it then never
   * leaves. `unsent` is called soon after when the kernel turned it down instead of sending it.
   */
  send(datagram: Uint8Array, unsent?: (code: string) => void): boolean
  close(): void
}

export type OpenUdp = (address: string, port: number, events: UdpEvents) => Udp

/** Opens a connected socket to an IPv4 or IPv6 address. Problems are told by `closed`, never thrown. */
export const openUdp: OpenUdp = (address, port, events) => {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  let state: 'opening' | 'open' | 'closed' = 'opening'

  const end = () => {
    state = 'closed'
    socket.removeAllListeners('message')
    socket.close()
  }
  const fail = (code: string) => {
    if (state === 'closed') return
    end()
    queueMicrotask(() => events.closed(code))
  }
  socket.on('message', (datagram) => events.received(datagram))
  socket.on('error', (error: NodeJS.ErrnoException) => {
    const code = error.code ?? error.name
    if (state === 'open') events.troubled(code)
    else fail(code)
  })
  socket.on('connect', () => {
    if (state !== 'opening') return
    state = 'open'
    events.opened()
  })
  socket.connect(port, address)

  return {
    send(datagram, unsent) {
      if (state !== 'open') return false
      socket.send(datagram, (error: NodeJS.ErrnoException | null) => {
        if (!error) return
        const code = error.code ?? error.name
        if (state === 'open') events.troubled(code)
        unsent?.(code)
      })
      if (socket.getSendQueueCount() === 0) return true
      // The kernel had no room and Node would send it in a later turn: closing takes it back.
      fail('EAGAIN')
      return false
    },
    close() {
      if (state !== 'closed') end()
    },
  }
}
