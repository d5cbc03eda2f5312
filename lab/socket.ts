// Binding UDP sockets, for every device of the room.
import type { Socket } from 'node:dgram'

export interface SocketPlace {
  address: string
  /** 0 = whatever the OS gives. */
  port: number
}

/** Resolves with the port that was given; rejects with the reason, naming address and port. */
export function bindSocket(socket: Socket, at: SocketPlace): Promise<SocketPlace> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error) => {
      reject(new Error(`cannot listen on UDP ${at.address}:${at.port}`, { cause }))
    }
    socket.once('error', failed)
    socket.bind(at.port, at.address, () => {
      socket.off('error', failed)
      resolve({ address: at.address, port: socket.address().port })
    })
  })
}
