// The two cipher suites that a careful BMC offers, and the keys and proofs of RAKP (spec protocols.md §1.3, §1.4).
import { createHmac } from 'node:crypto'

export interface Suite {
  id: 3 | 17
  authentication: number
  integrity: number
  confidentiality: number
  hash: 'sha1' | 'sha256'
  /** Bytes of the integrity check value in RAKP 4. */
  icvLength: number
  /** Bytes of the authentication code behind every session packet. */
  authCodeLength: number
}

export const SUITE_3: Suite = {
  id: 3,
  authentication: 1,
  integrity: 1,
  confidentiality: 1,
  hash: 'sha1',
  icvLength: 12,
  authCodeLength: 12,
}

export const SUITE_17: Suite = {
  id: 17,
  authentication: 3,
  integrity: 4,
  confidentiality: 1,
  hash: 'sha256',
  icvLength: 16,
  authCodeLength: 16,
}

export const SUITES: readonly Suite[] = [SUITE_3, SUITE_17]

/** What both sides know once RAKP 1 has been taken and RAKP 2 is made. */
export interface Exchange {
  consoleId: number
  bmcId: number
  consoleRandom: Uint8Array
  bmcRandom: Uint8Array
  guid: Uint8Array
  /** Exactly as sent, name-only bit included. */
  role: number
  user: Uint8Array
}

export interface SessionKeys {
  sik: Buffer
  k1: Buffer
  k2: Buffer
}

export function rakp2Mac(suite: Suite, userKey: Uint8Array, exchange: Exchange): Buffer {
  const { consoleId, bmcId, consoleRandom, bmcRandom, guid } = exchange
  const ids = [littleEndian(consoleId), littleEndian(bmcId)]
  return hmac(suite, userKey, [...ids, consoleRandom, bmcRandom, guid, identityOf(exchange)])
}

export function rakp3Mac(suite: Suite, userKey: Uint8Array, exchange: Exchange): Buffer {
  const { bmcRandom, consoleId } = exchange
  return hmac(suite, userKey, [bmcRandom, littleEndian(consoleId), identityOf(exchange)])
}

/** `key` is the BMC's own key (Kg) where it has one, else the user's. */
export function sessionKeys(suite: Suite, key: Uint8Array, exchange: Exchange): SessionKeys {
  const { consoleRandom, bmcRandom } = exchange
  const sik = hmac(suite, key, [consoleRandom, bmcRandom, identityOf(exchange)])
  // Twenty bytes even where the hash is longer.
  const constant = (value: number) => hmac(suite, sik, [Buffer.alloc(20, value)])
  return { sik, k1: constant(1), k2: constant(2) }
}

export function rakp4Icv(suite: Suite, sik: Uint8Array, exchange: Exchange): Buffer {
  const { consoleRandom, bmcId, guid } = exchange
  const full = hmac(suite, sik, [consoleRandom, littleEndian(bmcId), guid])
  return full.subarray(0, suite.icvLength)
}

/** Kuid: the password as it enters the hash, twenty bytes. */
export function userKeyOf(password: string): Buffer {
  const key = Buffer.alloc(20)
  Buffer.from(password, 'latin1').copy(key)
  return key
}

export function hmac(suite: Suite, key: Uint8Array, parts: readonly Uint8Array[]): Buffer {
  const mac = createHmac(suite.hash, key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

function identityOf({ role, user }: Exchange): Buffer {
  return Buffer.concat([Buffer.from([role, user.length]), user])
}

function littleEndian(id: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(id)
  return bytes
}
