// Names what passes between a manager and an SNMPv1 or v2c agent: which question an answer belongs to is told by
// its request id. For relay rules that aim at one kind of message.
import type { Passing } from './udp-relay.ts'

export type SnmpKind = 'get' | 'next' | 'set' | 'other'

const KINDS: Record<number, SnmpKind> = { 160: 'get', 161: 'next', 163: 'set' }
const RESPONSE = 0xa2

export class SnmpEavesdropper {
  readonly #asked = new Map<number, SnmpKind>()

  /** A question and its answer have the same name. */
  nameOf({ datagram }: Pick<Passing, 'datagram'>): SnmpKind {
    const pdu = pduOf(datagram)
    if (!pdu) return 'other'
    if (pdu.tag === RESPONSE) return this.#asked.get(pdu.requestId) ?? 'other'
    const kind = KINDS[pdu.tag] ?? 'other'
    this.#asked.set(pdu.requestId, kind)
    return kind
  }
}

function pduOf(datagram: Buffer): { tag: number; requestId: number } | undefined {
  // SEQUENCE { INTEGER version, OCTET STRING community, PDU { INTEGER request-id, … } }
  const version = skipHeader(datagram, 0)
  const community = version + 2 + (datagram[version + 1] ?? 0)
  const pdu = community + 2 + (datagram[community + 1] ?? 0)
  const tag = datagram[pdu]
  if (tag === undefined || (datagram[version + 2] ?? 3) === 3) return undefined
  const id = skipHeader(datagram, pdu)
  const length = datagram[id + 1] ?? 0
  if (length < 1 || length > 5 || id + 2 + length > datagram.length) return undefined
  return { tag, requestId: datagram.readIntBE(id + 2, length) }
}

/** Offset of the contents of the value at `at`. */
function skipHeader(datagram: Buffer, at: number): number {
  const length = datagram[at + 1] ?? 0
  return at + 2 + (length > 0x80 ? length - 0x80 : 0)
}
