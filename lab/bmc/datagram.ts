// The outer layer: RMCP, the ASF ping, and the two session wrappers (spec protocols.md §1.1).

export const PAYLOAD = {
  ipmi: 0x00,
  openRequest: 0x10,
  openResponse: 0x11,
  rakp1: 0x12,
  rakp2: 0x13,
  rakp3: 0x14,
  rakp4: 0x15,
} as const

export type Datagram =
  | { format: 'asf-ping'; tag: number }
  /** The old wrapper, which only carries unauthenticated questions before a session here. */
  | { format: 'v15'; message: Buffer }
  | {
      format: 'v20'
      payloadType: number
      encrypted: boolean
      authenticated: boolean
      sessionId: number
      sequence: number
      payload: Buffer
      /** The whole datagram, for the authentication code. */
      raw: Buffer
    }

const RMCP_VERSION = 0x06
const NO_ACK = 0xff
const CLASS_ASF = 0x06
const CLASS_IPMI = 0x07
const FORMAT_V15 = 0x00
const FORMAT_V20 = 0x06
const ASF_IANA = 4542
const ASF_PING = 0x80
const ASF_PONG = 0x40

/** Undefined for anything that a BMC drops in silence. */
export function parseDatagram(raw: Buffer): Datagram | undefined {
  if (raw.length < 5 || raw[0] !== RMCP_VERSION || raw[2] !== NO_ACK) return undefined
  if (raw[3] === CLASS_ASF) return parsePing(raw)
  if (raw[3] !== CLASS_IPMI) return undefined
  if (raw[4] === FORMAT_V15) return parseV15(raw)
  return raw[4] === FORMAT_V20 ? parseV20(raw) : undefined
}

function parsePing(raw: Buffer): Datagram | undefined {
  if (raw.length < 12 || raw.readUInt32BE(4) !== ASF_IANA || raw[8] !== ASF_PING) return undefined
  return { format: 'asf-ping', tag: raw.readUInt8(9) }
}

function parseV15(raw: Buffer): Datagram | undefined {
  if (raw.length < 14 || raw.readUInt32LE(9) !== 0) return undefined
  const length = raw.readUInt8(13)
  if (raw.length < 14 + length) return undefined
  return { format: 'v15', message: raw.subarray(14, 14 + length) }
}

function parseV20(raw: Buffer): Datagram | undefined {
  if (raw.length < 16) return undefined
  const length = raw.readUInt16LE(14)
  if (raw.length < 16 + length) return undefined
  const type = raw.readUInt8(5)
  return {
    format: 'v20',
    payloadType: type & 0x3f,
    encrypted: (type & 0x80) !== 0,
    authenticated: (type & 0x40) !== 0,
    sessionId: raw.readUInt32LE(6),
    sequence: raw.readUInt32LE(10),
    payload: raw.subarray(16, 16 + length),
    raw,
  }
}

export function buildPong(tag: number): Buffer {
  const pong = Buffer.alloc(28)
  pong.set([RMCP_VERSION, 0, NO_ACK, CLASS_ASF])
  pong.writeUInt32BE(ASF_IANA, 4)
  pong.set([ASF_PONG, tag, 0, 16], 8)
  pong.writeUInt32BE(ASF_IANA, 12)
  // IPMI and ASF 1.0 are supported, no interactions.
  pong.set([0x81, 0x00], 20)
  return pong
}

export function buildV15(message: Uint8Array): Buffer {
  const header = Buffer.alloc(14)
  header.set([RMCP_VERSION, 0, NO_ACK, CLASS_IPMI, FORMAT_V15])
  header.writeUInt8(message.length, 13)
  return Buffer.concat([header, message])
}

export interface Envelope {
  payloadType: number
  sessionId: number
  sequence: number
  /** Sets the encrypted and authenticated bits; the trailer is the session's business. */
  sealed: boolean
}

export function buildV20(envelope: Envelope, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(16)
  header.set([RMCP_VERSION, 0, NO_ACK, CLASS_IPMI, FORMAT_V20])
  header.writeUInt8(envelope.payloadType | (envelope.sealed ? 0xc0 : 0), 5)
  header.writeUInt32LE(envelope.sessionId, 6)
  header.writeUInt32LE(envelope.sequence, 10)
  header.writeUInt16LE(payload.length, 14)
  return Buffer.concat([header, payload])
}
