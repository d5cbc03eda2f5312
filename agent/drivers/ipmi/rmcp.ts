// The two envelopes around every IPMI datagram (spec protocols.md §1.1): the v1.5 form, needed only for
// the session-less capabilities question, and the v2.0 (RMCP+) form. Malformed input decodes to undefined.

const RMCP_HEADER = [0x06, 0x00, 0xff, 0x07]
const FORMAT_V15_NONE = 0x00
const FORMAT_V20 = 0x06
const V15_HEADER_BYTES = 14
const ENCRYPTED = 0x80
const AUTHENTICATED = 0x40

/** Offset of the first byte that the AuthCode covers. */
export const AUTHENTICATED_FROM = 4
export const V20_HEADER_BYTES = 16

export const PAYLOAD = {
  ipmi: 0x00,
  openSessionRequest: 0x10,
  openSessionResponse: 0x11,
  rakp1: 0x12,
  rakp2: 0x13,
  rakp3: 0x14,
  rakp4: 0x15,
} as const

export interface Packet {
  /** Low six bits: see `PAYLOAD`. */
  payloadType: number
  encrypted: boolean
  authenticated: boolean
  /** The receiver's session id; 0 outside a session. */
  sessionId: number
  sequence: number
  payload: Uint8Array
  /** The whole datagram, over which the AuthCode is computed. */
  datagram: Uint8Array
}

/** True for anything that has the header of an IPMI-class RMCP message (not of an RMCP ACK). */
export function isRmcpIpmi(datagram: Uint8Array): boolean {
  return datagram.length > 4 && datagram[0] === 0x06 && datagram[3] === 0x07
}

/** Wraps a session-less LAN message in the v1.5 envelope (authentication type none). */
export function wrapV15(message: Uint8Array): Buffer {
  const datagram = Buffer.alloc(V15_HEADER_BYTES + message.length)
  datagram.set(RMCP_HEADER)
  datagram[4] = FORMAT_V15_NONE
  datagram[13] = message.length
  datagram.set(message, V15_HEADER_BYTES)
  return datagram
}

/** The LAN message inside an unauthenticated v1.5 envelope. */
export function unwrapV15(datagram: Uint8Array): Uint8Array | undefined {
  if (!isRmcpIpmi(datagram) || datagram[4] !== FORMAT_V15_NONE) return undefined
  const end = V15_HEADER_BYTES + (datagram[13] ?? 0)
  if (datagram.length < end) return undefined
  return datagram.subarray(V15_HEADER_BYTES, end)
}

/** Wraps a handshake payload: no session, no sequence, no flags. */
export function wrapHandshake(payloadType: number, payload: Uint8Array): Buffer {
  return wrapV20(payloadType, 0, 0, payload)
}

/** Header and payload of a session packet, both flags set; `packet.ts` appends the trailer. */
export function wrapSession(sessionId: number, sequence: number, payload: Uint8Array): Buffer {
  return wrapV20(PAYLOAD.ipmi | ENCRYPTED | AUTHENTICATED, sessionId, sequence, payload)
}

function wrapV20(type: number, sessionId: number, sequence: number, payload: Uint8Array): Buffer {
  const datagram = Buffer.alloc(V20_HEADER_BYTES + payload.length)
  datagram.set(RMCP_HEADER)
  datagram[4] = FORMAT_V20
  datagram[5] = type
  datagram.writeUInt32LE(sessionId, 6)
  datagram.writeUInt32LE(sequence, 10)
  datagram.writeUInt16LE(payload.length, 14)
  datagram.set(payload, V20_HEADER_BYTES)
  return datagram
}

/** Header fields and payload of a v2.0 datagram; nothing in it is trusted yet. */
export function unwrapV20(datagram: Uint8Array): Packet | undefined {
  if (!isRmcpIpmi(datagram) || datagram[4] !== FORMAT_V20) return undefined
  if (datagram.length < V20_HEADER_BYTES) return undefined
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength)
  const end = V20_HEADER_BYTES + view.getUint16(14, true)
  if (datagram.length < end) return undefined
  const type = view.getUint8(5)
  return {
    payloadType: type & 0x3f,
    encrypted: (type & ENCRYPTED) !== 0,
    authenticated: (type & AUTHENTICATED) !== 0,
    sessionId: view.getUint32(6, true),
    sequence: view.getUint32(10, true),
    payload: datagram.subarray(V20_HEADER_BYTES, end),
    datagram,
  }
}
