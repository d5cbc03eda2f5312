// The datagram that a crash kernel sends, byte for byte as fence_kdump_send on x86 (spec protocols.md §4).
import { createSocket, type Socket } from 'node:dgram'
import type { SocketPlace } from './socket.ts'

export const STOP_NOTICE = Uint8Array.from([0x40, 0x2a, 0x30, 0x1b, 0x01, 0x00, 0x00, 0x00])

/** Sends from one machine's own address, which is all that identifies it. */
export class StopNoticeSender {
  readonly #address: string
  #socket: Socket | undefined

  constructor(address: string) {
    this.#address = address
  }

  send(targets: readonly SocketPlace[]): void {
    if (targets.length === 0) return
    const socket = this.#bound()
    for (const { address, port } of targets) socket.send(STOP_NOTICE, port, address, () => {})
  }

  close(): void {
    this.#socket?.close()
    this.#socket = undefined
  }

  #bound(): Socket {
    if (this.#socket) return this.#socket
    const socket = createSocket('udp4')
    socket.on('error', () => {})
    socket.bind(0, this.#address)
    socket.unref()
    this.#socket = socket
    return socket
  }
}
