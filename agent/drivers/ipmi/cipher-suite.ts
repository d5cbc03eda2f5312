// The two cipher suites that Palisade speaks (spec protocols.md §1.3). Suites 0, 1, 2, 15 and 16 lack
// authentication, integrity or encryption; they are absent here, so that they can never be offered.
import { createHmac } from 'node:crypto'

export interface CipherSuite {
  readonly id: 3 | 17
  readonly hash: 'sha1' | 'sha256'
  /** Algorithm numbers as they stand in the Open Session records. */
  readonly authentication: number
  readonly integrity: number
  readonly confidentiality: number
  /** Length of the RAKP 2 and RAKP 3 MAC in bytes. */
  readonly macBytes: number
  /** Length of the truncated check value in RAKP 4. */
  readonly icvBytes: number
  /** Length of the truncated AuthCode of every session packet. */
  readonly authCodeBytes: number
}

export const SUITE_17: CipherSuite = {
  id: 17,
  hash: 'sha256',
  authentication: 0x03,
  integrity: 0x04,
  confidentiality: 0x01,
  macBytes: 32,
  icvBytes: 16,
  authCodeBytes: 16,
}

export const SUITE_3: CipherSuite = {
  id: 3,
  hash: 'sha1',
  authentication: 0x01,
  integrity: 0x01,
  confidentiality: 0x01,
  macBytes: 20,
  icvBytes: 12,
  authCodeBytes: 12,
}

/** The suite's full-length HMAC over the parts in order. */
export function hmac(suite: CipherSuite, key: Uint8Array, ...parts: Uint8Array[]): Buffer {
  const mac = createHmac(suite.hash, key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}
