// Handshake payloads, their MACs, and the keys that come out (spec protocols.md §1.4). Bytes only: what
// to do with a status or a mismatch is decided in `handshake.ts`.
import { type CipherSuite, hmac } from './cipher-suite.ts'

export const RANDOM_BYTES = 16
export const GUID_BYTES = 16
/** Bit 4 of the role byte: the BMC looks the user up by name only. */
export const NAME_ONLY = 0x10

const RECORD_BYTES = 8
/** The constants behind K1 and K2 stay 20 bytes even with SHA-256. */
const K1_CONSTANT = Buffer.alloc(20, 0x01)
const K2_CONSTANT = Buffer.alloc(20, 0x02)

/** Everything that both sides hash. */
export interface Transcript {
  suite: CipherSuite
  consoleId: number
  bmcId: number
  /** Rm, 16 bytes. */
  consoleRandom: Uint8Array
  /** Rc, 16 bytes. */
  bmcRandom: Uint8Array
  /** The GUID of RAKP 2, 16 bytes. */
  guid: Uint8Array
  /** Exactly as sent in RAKP 1, `NAME_ONLY` included. */
  role: number
  username: Uint8Array
}

export interface SessionKeys {
  suite: CipherSuite
  /** Integrity key: the whole of K1. */
  integrity: Uint8Array
  /** AES-128 key: the first 16 bytes of K2. */
  encryption: Uint8Array
}

export function encodeOpenSessionRequest(request: {
  tag: number
  /** 0 asks for the highest that the BMC will give. */
  privilege: number
  consoleId: number
  suite: CipherSuite
}): Buffer {
  const { authentication, integrity, confidentiality } = request.suite
  const payload = Buffer.alloc(32)
  payload[0] = request.tag
  payload[1] = request.privilege
  payload.writeUInt32LE(request.consoleId, 4)
  for (const [index, algorithm] of [authentication, integrity, confidentiality].entries()) {
    const at = 8 + index * RECORD_BYTES
    payload[at] = index
    payload[at + 3] = RECORD_BYTES
    payload[at + 4] = algorithm
  }
  return payload
}

export interface Refusal {
  tag: number
  status: number
  /** Absent in the shortest refusals. */
  consoleId?: number
}

export interface OpenSessionResponse {
  tag: number
  status: 0
  consoleId: number
  bmcId: number
  authentication: number
  integrity: number
  confidentiality: number
}

/** Status comes before length: a refusal may be as short as two bytes. */
export function decodeOpenSessionResponse(
  bytes: Uint8Array,
): OpenSessionResponse | Refusal | undefined {
  const refusal = decodeRefusal(bytes)
  if (refusal !== 'granted') return refusal
  if (bytes.length < 36) return undefined
  const view = viewOf(bytes)
  return {
    tag: view.getUint8(0),
    status: 0,
    consoleId: view.getUint32(4, true),
    bmcId: view.getUint32(8, true),
    authentication: view.getUint8(16),
    integrity: view.getUint8(24),
    confidentiality: view.getUint8(32),
  }
}

export function encodeRakp1(tag: number, transcript: Omit<Transcript, 'bmcRandom' | 'guid'>) {
  const { username } = transcript
  const payload = Buffer.alloc(28 + username.length)
  payload[0] = tag
  payload.writeUInt32LE(transcript.bmcId, 4)
  payload.set(transcript.consoleRandom, 8)
  payload[24] = transcript.role
  payload[27] = username.length
  payload.set(username, 28)
  return payload
}

export interface Rakp2 {
  tag: number
  status: 0
  consoleId: number
  bmcRandom: Uint8Array
  guid: Uint8Array
  mac: Uint8Array
}

export function decodeRakp2(suite: CipherSuite, bytes: Uint8Array): Rakp2 | Refusal | undefined {
  const refusal = decodeRefusal(bytes)
  if (refusal !== 'granted') return refusal
  if (bytes.length < 40 + suite.macBytes) return undefined
  const view = viewOf(bytes)
  return {
    tag: view.getUint8(0),
    status: 0,
    consoleId: view.getUint32(4, true),
    bmcRandom: copyOf(bytes, 8, 24),
    guid: copyOf(bytes, 24, 40),
    mac: copyOf(bytes, 40, 40 + suite.macBytes),
  }
}

export function encodeRakp3(tag: number, bmcId: number, mac: Uint8Array): Buffer {
  const payload = Buffer.alloc(8 + mac.length)
  payload[0] = tag
  payload.writeUInt32LE(bmcId, 4)
  payload.set(mac, 8)
  return payload
}

export interface Rakp4 {
  tag: number
  status: 0
  consoleId: number
  icv: Uint8Array
}

/** A refusing RAKP 4 may still carry a full-size filler check value, so its status decides. */
export function decodeRakp4(suite: CipherSuite, bytes: Uint8Array): Rakp4 | Refusal | undefined {
  const refusal = decodeRefusal(bytes)
  if (refusal !== 'granted') return refusal
  if (bytes.length < 8 + suite.icvBytes) return undefined
  const view = viewOf(bytes)
  return {
    tag: view.getUint8(0),
    status: 0,
    consoleId: view.getUint32(4, true),
    icv: copyOf(bytes, 8, 8 + suite.icvBytes),
  }
}

export function rakp2Mac(userKey: Uint8Array, t: Transcript): Buffer {
  const ids = [uint32(t.consoleId), uint32(t.bmcId)]
  return hmac(t.suite, userKey, ...ids, t.consoleRandom, t.bmcRandom, t.guid, ...user(t))
}

export function rakp3Mac(userKey: Uint8Array, t: Transcript): Buffer {
  return hmac(t.suite, userKey, t.bmcRandom, uint32(t.consoleId), ...user(t))
}

/** The session integrity key. `key` is Kg where the BMC has one, else the user key. */
export function sessionIntegrityKey(key: Uint8Array, t: Transcript): Buffer {
  return hmac(t.suite, key, t.consoleRandom, t.bmcRandom, ...user(t))
}

export function rakp4Icv(sik: Uint8Array, t: Transcript): Buffer {
  return hmac(t.suite, sik, t.consoleRandom, uint32(t.bmcId), t.guid).subarray(0, t.suite.icvBytes)
}

export function deriveSessionKeys(suite: CipherSuite, sik: Uint8Array): SessionKeys {
  const k2 = hmac(suite, sik, K2_CONSTANT)
  return { suite, integrity: hmac(suite, sik, K1_CONSTANT), encryption: k2.subarray(0, 16) }
}

function user(t: Transcript): Uint8Array[] {
  return [Uint8Array.of(t.role, t.username.length), t.username]
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function decodeRefusal(bytes: Uint8Array): Refusal | 'granted' | undefined {
  const [tag, status] = bytes
  if (tag === undefined || status === undefined) return undefined
  if (status === 0) return 'granted'
  if (bytes.length < 8) return { tag, status }
  return { tag, status, consoleId: viewOf(bytes).getUint32(4, true) }
}

/** A copy, so that the datagram need not be kept. */
function copyOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return new Uint8Array(bytes.subarray(from, to))
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
