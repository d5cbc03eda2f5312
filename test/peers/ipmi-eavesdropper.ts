// Names what passes between a console and a BMC, sealed messages included: it hears the handshake and knows the
// password, so it can derive the session's key. For relay rules that aim at one kind of message.

import { SUITE_3, SUITE_17 } from '../../agent/drivers/ipmi/cipher-suite.ts'
import { decodeResponse } from '../../agent/drivers/ipmi/message.ts'
import { openPacket } from '../../agent/drivers/ipmi/packet.ts'
import {
  deriveSessionKeys,
  type SessionKeys,
  sessionIntegrityKey,
} from '../../agent/drivers/ipmi/rakp.ts'
import { PAYLOAD, type Packet, unwrapV20 } from '../../agent/drivers/ipmi/rmcp.ts'
import type { Passing } from './udp-relay.ts'

export type IpmiKind =
  | 'presence'
  | 'open'
  | 'rakp 1'
  | 'rakp 3'
  | 'privilege'
  | 'close'
  | 'guid'
  | 'status'
  | 'control'
  | 'log'
  | 'other'

const COMMANDS: Record<number, IpmiKind> = {
  1: 'status',
  2: 'control',
  1591: 'guid',
  1595: 'privilege',
  1596: 'close',
}
const HANDSHAKE: Record<number, IpmiKind> = {
  [PAYLOAD.openSessionRequest]: 'open',
  [PAYLOAD.openSessionResponse]: 'open',
  [PAYLOAD.rakp1]: 'rakp 1',
  [PAYLOAD.rakp2]: 'rakp 1',
  [PAYLOAD.rakp3]: 'rakp 3',
  [PAYLOAD.rakp4]: 'rakp 3',
}

interface Opening {
  rakp1: Buffer
  suite: typeof SUITE_3
  console: number
}

export class IpmiEavesdropper {
  readonly #password: Uint8Array
  /** By the BMC's session id. */
  readonly #openings = new Map<number, Opening>()
  /** By the receiver's session id, both directions. */
  readonly #keys = new Map<number, SessionKeys>()
  /** Suites by the console's session id. */
  readonly #suites = new Map<number, typeof SUITE_3>()

  constructor(password: string) {
    this.#password = Buffer.from(password)
  }

  /** A question and its answer have the same name. */
  nameOf({ datagram }: Pick<Passing, 'datagram'>): IpmiKind {
    const packet = unwrapV20(datagram)
    if (!packet) return 'presence'
    const handshake = HANDSHAKE[packet.payloadType]
    if (handshake) {
      this.#overhear(packet, Buffer.from(packet.payload))
      return handshake
    }
    return this.#nameSealed(packet)
  }

  #nameSealed(packet: Packet): IpmiKind {
    const keys = this.#keys.get(packet.sessionId)
    const message = keys && openPacket(keys, packet)
    if (!message) return 'other'
    const answer = decodeResponse(message)
    const netFn = answer ? answer.netFn - 1 : (message[1] ?? 0) >> 2
    const code = message[5] ?? 0
    if (netFn === 0x0a) return 'log'
    return COMMANDS[(netFn << 8) | code] ?? 'other'
  }

  #overhear({ payloadType }: Packet, payload: Buffer): void {
    if (payloadType === PAYLOAD.openSessionRequest) {
      const suite = payload[12] === SUITE_17.authentication ? SUITE_17 : SUITE_3
      this.#suites.set(payload.readUInt32LE(4), suite)
    }
    if (payloadType === PAYLOAD.openSessionResponse && payload[1] === 0) {
      const console = payload.readUInt32LE(4)
      const suite = this.#suites.get(console) ?? SUITE_3
      const bmc = payload.readUInt32LE(8)
      this.#openings.set(bmc, { rakp1: Buffer.alloc(0), suite, console })
    }
    if (payloadType === PAYLOAD.rakp1) {
      const opening = this.#openings.get(payload.readUInt32LE(4))
      if (opening) opening.rakp1 = Buffer.from(payload)
    }
    if (payloadType === PAYLOAD.rakp2 && payload[1] === 0) this.#derive(payload)
  }

  #derive(rakp2: Buffer): void {
    const consoleId = rakp2.readUInt32LE(4)
    for (const [bmcId, { rakp1, suite, console }] of this.#openings) {
      if (console !== consoleId || rakp1.length < 28) continue
      const sik = sessionIntegrityKey(this.#password, {
        suite,
        consoleId,
        bmcId,
        consoleRandom: rakp1.subarray(8, 24),
        bmcRandom: rakp2.subarray(8, 24),
        guid: rakp2.subarray(24, 40),
        role: rakp1[24] ?? 0,
        username: rakp1.subarray(28, 28 + (rakp1[27] ?? 0)),
      })
      const keys = deriveSessionKeys(suite, sik)
      this.#keys.set(bmcId, keys)
      this.#keys.set(consoleId, keys)
    }
  }
}
