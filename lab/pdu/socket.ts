// The UDP socket of one simulated PDU.
import { createSocket, type RemoteInfo } from 'node:dgram'
import type { Clock, Random } from '../../core/ports.ts'
import { Inbox } from '../model/inbox.ts'
import type { PduModel } from '../model/pdu.ts'
import { bindSocket, type SocketPlace } from '../socket.ts'
import { type Family, objectsOf } from './families.ts'
import { Mib } from './mib.ts'
import { type SnmpAccess, SnmpResponder } from './responder.ts'

/** More than any request needs; what waits in a frozen PDU stays small. */
const DATAGRAM_MAX = 8192

export interface PduSettings {
  family: Family
  access: SnmpAccess
  /** SNMP engine id, 5–32 bytes; different for every device. */
  engineId: Uint8Array
}

export interface PduFront {
  place: SocketPlace
  close(): Promise<void>
}

/** Throws when the address or port cannot be had. */
export async function openPdu(
  pdu: PduModel,
  at: SocketPlace,
  settings: PduSettings,
  ports: { clock: Clock; random: Random },
): Promise<PduFront> {
  const socket = createSocket('udp4')
  const startedAt = ports.clock.now()
  const mib = new Mib(objectsOf(settings.family, pdu, () => ports.clock.now() - startedAt))
  const engineId = Buffer.from(settings.engineId)
  const responder = new SnmpResponder(mib, settings.access, engineId, ports)

  const pace = { hung: () => pdu.faults.frozen, delayMs: () => 0 }
  const inbox = new Inbox<{ raw: Buffer; from: RemoteInfo }>(ports.clock, pace, ({ raw, from }) => {
    const reply = responder.handle(raw)
    if (reply) socket.send(reply, from.port, from.address, () => {})
    return 0
  })
  socket.on('error', () => {})
  socket.on('message', (raw, from) => {
    if (!pdu.faults.dead && raw.length <= DATAGRAM_MAX) inbox.push({ raw, from })
  })
  const unsubscribe = pdu.changed.subscribe(() => {
    if (pdu.faults.dead) inbox.clear()
    inbox.wake()
  })
  const place = await bindSocket(socket, at)
  return {
    place,
    close: () => {
      unsubscribe()
      inbox.clear()
      return new Promise((resolve) => socket.close(() => resolve()))
    },
  }
}
