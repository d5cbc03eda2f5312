// The UDP socket of one simulated BMC. A BMC without power, still starting or dead is silent: on a real
// network nobody would answer in its place, so no ICMP error is provoked either.
import { createSocket, type RemoteInfo } from 'node:dgram'
import type { Clock, Random } from '../../core/ports.ts'
import { Inbox } from '../model/inbox.ts'
import type { ServerModel } from '../model/server.ts'
import { bindSocket, type SocketPlace } from '../socket.ts'
import { Responder, type ResponderSettings } from './responder.ts'

/** No IPMI datagram is longer; what waits in a hung BMC stays small. */
const DATAGRAM_MAX = 1500

interface Arrival {
  raw: Buffer
  from: RemoteInfo
}

export interface BmcFront {
  /** Where it listens, with the port that the OS gave. */
  place: SocketPlace
  readonly sessionCount: number
  close(): Promise<void>
}

/** Throws when the address or port cannot be had. */
export async function openBmc(
  server: ServerModel,
  at: SocketPlace,
  settings: ResponderSettings,
  ports: { clock: Clock; random: Random },
): Promise<BmcFront> {
  const socket = createSocket('udp4')
  const responder = new Responder(server, settings, ports)
  const pending = new Set<() => void>()
  let starts = server.bmc.starts

  const send = ({ raw, from }: Arrival) => socket.send(raw, from.port, from.address, () => {})
  const pace = { hung: () => server.faults.hang, delayMs: () => server.faults.slowMs }
  const inbox = new Inbox<Arrival>(ports.clock, pace, ({ raw, from }) => {
    const reply = responder.handle(raw)
    if (!reply) return 0
    if (reply.afterMs === 0) send({ raw: reply.datagram, from })
    else {
      const cancel = ports.clock.after(reply.afterMs, () => {
        pending.delete(cancel)
        send({ raw: reply.datagram, from })
      })
      pending.add(cancel)
    }
    return reply.afterMs
  })
  const forget = () => {
    inbox.clear()
    for (const cancel of pending) cancel()
    pending.clear()
  }

  socket.on('error', () => {})
  socket.on('message', (raw, from) => {
    const receives = server.bmc.state === 'up' && !server.faults.dead
    if (receives && raw.length <= DATAGRAM_MAX) inbox.push({ raw, from })
  })
  const unsubscribe = server.changed.subscribe(() => {
    if (server.bmc.state !== 'up' || server.faults.dead || server.bmc.starts !== starts) forget()
    starts = server.bmc.starts
    inbox.wake()
  })
  const place = await bindSocket(socket, at)
  return {
    place,
    get sessionCount() {
      return responder.sessionCount
    },
    close: () => {
      unsubscribe()
      forget()
      return new Promise((resolve) => socket.close(() => resolve()))
    },
  }
}
