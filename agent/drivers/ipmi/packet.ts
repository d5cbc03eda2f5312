// Encryption and integrity of session packets (spec protocols.md §1.5).
import { createCipheriv, createDecipheriv, timingSafeEqual } from 'node:crypto'
import { hmac } from './cipher-suite.ts'
import type { SessionKeys } from './rakp.ts'
import { AUTHENTICATED_FROM, PAYLOAD, type Packet, wrapSession } from './rmcp.ts'

const AES = 'aes-128-cbc'
const BLOCK_BYTES = 16
const NEXT_HEADER = 0x07
export const IV_BYTES = 16

/** Encrypts and signs one message: the complete datagram. `iv` is 16 fresh random bytes. */
export function sealPacket(
  keys: SessionKeys,
  packet: { sessionId: number; sequence: number; iv: Uint8Array; message: Uint8Array },
): Buffer {
  const cipher = createCipheriv(AES, keys.encryption, packet.iv).setAutoPadding(false)
  const payload = Buffer.concat([packet.iv, cipher.update(padded(packet.message)), cipher.final()])
  const header = wrapSession(packet.sessionId, packet.sequence, payload)
  // From byte 4 through the next-header byte must be a multiple of 4.
  const padBytes = -(header.length - AUTHENTICATED_FROM + 2) & 3
  const trailer = Buffer.alloc(padBytes + 2, 0xff)
  trailer[padBytes] = padBytes
  trailer[padBytes + 1] = NEXT_HEADER
  const mac = hmac(keys.suite, keys.integrity, header.subarray(AUTHENTICATED_FROM), trailer)
  return Buffer.concat([header, trailer, mac.subarray(0, keys.suite.authCodeBytes)])
}

/**
 * The message inside a session packet; undefined unless it is encrypted, authenticated, and signed with
 * our key. Whether session and sequence are ours is for the session to judge.
 */
export function openPacket(keys: SessionKeys, packet: Packet): Uint8Array | undefined {
  if (!packet.authenticated || !packet.encrypted) return undefined
  if (packet.payloadType !== PAYLOAD.ipmi) return undefined
  const { datagram, payload } = packet
  const signedTo = datagram.length - keys.suite.authCodeBytes
  const payloadTo = payload.byteOffset - datagram.byteOffset + payload.length
  // Behind the payload stand at least the pad length and the next-header byte.
  if (payloadTo + 2 > signedTo) return undefined
  const mac = hmac(keys.suite, keys.integrity, datagram.subarray(AUTHENTICATED_FROM, signedTo))
  const authCode = datagram.subarray(signedTo)
  if (!timingSafeEqual(mac.subarray(0, keys.suite.authCodeBytes), authCode)) return undefined
  return decrypt(keys, payload)
}

function decrypt(keys: SessionKeys, payload: Uint8Array): Uint8Array | undefined {
  if (payload.length < IV_BYTES + BLOCK_BYTES || payload.length % BLOCK_BYTES !== 0)
    return undefined
  const decipher = createDecipheriv(AES, keys.encryption, payload.subarray(0, IV_BYTES))
  decipher.setAutoPadding(false)
  const plain = Buffer.concat([decipher.update(payload.subarray(IV_BYTES)), decipher.final()])
  const padBytes = plain[plain.length - 1] ?? 0
  // Some BMCs add a whole block of padding where none is needed, hence 16 and not 15.
  if (padBytes > BLOCK_BYTES || padBytes + 1 > plain.length) return undefined
  return plain.subarray(0, plain.length - 1 - padBytes)
}

/** Not PKCS#7: 01 02 03 … and the count of those bytes. */
function padded(message: Uint8Array): Buffer {
  const padBytes = -(message.length + 1) & (BLOCK_BYTES - 1)
  const plain = Buffer.alloc(message.length + padBytes + 1)
  plain.set(message)
  for (let i = 0; i < padBytes; i++) plain[message.length + i] = i + 1
  plain[plain.length - 1] = padBytes
  return plain
}
