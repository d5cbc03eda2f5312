// One RMCP+ session as the BMC holds it: sealing, opening, the sequence window (spec protocols.md §1.5).
import { createCipheriv, createDecipheriv, timingSafeEqual } from 'node:crypto'
import { buildV20, type Datagram, PAYLOAD } from './datagram.ts'
import { hmac, type SessionKeys, type Suite } from './suite.ts'

const BLOCK = 16
const NEXT_HEADER = 0x07
const AHEAD = 16
const BEHIND = 16

/** Which inbound sequence numbers are still welcome: each once, not far from the newest. */
export class SequenceWindow {
  #newest: number
  #seen = new Set<number>()

  /** `newest` is the last number that counts as used: the next one is the first. */
  constructor(newest = 0) {
    this.#newest = newest
  }

  take(sequence: number): boolean {
    if (sequence === 0) return false
    const ahead = (sequence - this.#newest) | 0
    if (ahead > AHEAD || ahead <= -BEHIND || this.#seen.has(sequence)) return false
    this.#seen.add(sequence)
    if (ahead > 0) {
      this.#newest = sequence
      for (const old of this.#seen) {
        if (((this.#newest - old) | 0) >= BEHIND) this.#seen.delete(old)
      }
    }
    return true
  }
}

export type SealedDatagram = Extract<Datagram, { format: 'v20' }>

/** Decrypts and checks; undefined for anything forged, altered or malformed. */
export function openPacket(
  suite: Suite,
  keys: SessionKeys,
  datagram: SealedDatagram,
): Buffer | undefined {
  if (!datagram.encrypted || !datagram.authenticated) return undefined
  if (!authentic(suite, keys, datagram)) return undefined
  const { payload } = datagram
  if (payload.length < 2 * BLOCK || payload.length % BLOCK !== 0) return undefined
  const decipher = createDecipheriv('aes-128-cbc', aesKey(keys), payload.subarray(0, BLOCK))
  decipher.setAutoPadding(false)
  const plain = Buffer.concat([decipher.update(payload.subarray(BLOCK)), decipher.final()])
  const padLength = plain.readUInt8(plain.length - 1)
  if (padLength > BLOCK || padLength + 1 > plain.length) return undefined
  return plain.subarray(0, plain.length - 1 - padLength)
}

export interface Sealing {
  sessionId: number
  sequence: number
  iv: Uint8Array
}

export function sealPacket(
  suite: Suite,
  keys: SessionKeys,
  { sessionId, sequence, iv }: Sealing,
  message: Uint8Array,
): Buffer {
  const padLength = (BLOCK - ((message.length + 1) % BLOCK)) % BLOCK
  const pad = Uint8Array.from({ length: padLength }, (_, i) => i + 1)
  const cipher = createCipheriv('aes-128-cbc', aesKey(keys), iv)
  cipher.setAutoPadding(false)
  const plain = Buffer.concat([message, pad, Buffer.from([padLength])])
  const payload = Buffer.concat([iv, cipher.update(plain), cipher.final()])
  const envelope = { payloadType: PAYLOAD.ipmi, sessionId, sequence, sealed: true }
  const packet = buildV20(envelope, payload)
  const integrityPad = (4 - ((packet.length - 4 + 2) % 4)) % 4
  const trailer = Buffer.alloc(integrityPad + 2, 0xff)
  trailer.set([integrityPad, NEXT_HEADER], integrityPad)
  const covered = Buffer.concat([packet, trailer])
  return Buffer.concat([covered, authCode(suite, keys, covered)])
}

function authentic(suite: Suite, keys: SessionKeys, { raw, payload }: SealedDatagram): boolean {
  const codeAt = raw.length - suite.authCodeLength
  const padLength = codeAt - 16 - payload.length - 2
  if (padLength < 0 || padLength > 4) return false
  if (raw[codeAt - 2] !== padLength || raw[codeAt - 1] !== NEXT_HEADER) return false
  return timingSafeEqual(authCode(suite, keys, raw.subarray(0, codeAt)), raw.subarray(codeAt))
}

function authCode(suite: Suite, keys: SessionKeys, covered: Buffer): Buffer {
  return hmac(suite, keys.k1, [covered.subarray(4)]).subarray(0, suite.authCodeLength)
}

function aesKey(keys: SessionKeys): Buffer {
  return keys.k2.subarray(0, BLOCK)
}
