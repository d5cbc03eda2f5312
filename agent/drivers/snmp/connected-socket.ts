// A connected datagram socket in the shape that net-snmp wants. Connected, a send leaves in the very turn
// that asks for it (no name lookup in between), and only the device's own address is heard.
import { createSocket } from 'node:dgram'
import type { DatagramSocket } from 'net-snmp'

/** The datagram did not leave this machine: nothing happened at the device. */
export class NotSent extends Error {}

/**
 * Opens a socket to one address. `opened` resolves once it can send, false when it cannot be opened at all.
 * Late errors (ICMP unreachable) are no news: silence tells the same.
 */
export function openSocket(
  address: string,
  port: number,
  transport: 'udp4' | 'udp6',
): { socket: DatagramSocket; opened: Promise<boolean>; closed: Promise<void> } {
  const inner = createSocket(transport)
  let usable = true
  const closed = new Promise<void>((resolve) => {
    inner.once('close', () => {
      usable = false
      resolve()
    })
  })
  const opened = new Promise<boolean>((resolve) => {
    inner.once('connect', () => resolve(true))
    inner.once('error', () => resolve(false))
    inner.once('close', () => resolve(false))
  })
  inner.on('error', () => {})
  inner.connect(port, address)
  const close = () => {
    if (usable) inner.close()
    usable = false
  }
  const socket: DatagramSocket = {
    on: (event: string, listener: (...args: never[]) => void) =>
      inner.on(event, listener as () => void),
    ref: () => inner.ref(),
    unref: () => inner.unref(),
    close,
    send(message, offset, length, _port, _address, sent) {
      // Throws while the socket is not connected or already closed; net-snmp hands that on as an answer.
      try {
        inner.send(message, offset, length, (error, bytes) => {
          sent(error ? new NotSent(error.message, { cause: error }) : null, bytes)
        })
      } catch (cause) {
        throw new NotSent('the socket is not open', { cause })
      }
    },
  }
  return { socket, opened, closed }
}
