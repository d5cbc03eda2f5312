// Ids of resets, operations and exercises: a hash of (site, Idempotency-Key), so that the same request has the same id
// on REST and on the LAN path, and journals recognise it (spec api.md, `POST /v1/resets`).
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'

/** Crockford's alphabet in lower case: no letter that is mistaken for another. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const CHARACTERS = 26

export function resetId(site: string, idempotencyKey: string): string {
  return `rst_${digest('reset', site, idempotencyKey)}`
}

export function operationId(site: string, idempotencyKey: string): string {
  return `opr_${digest('operation', site, idempotencyKey)}`
}

export function exerciseId(site: string, idempotencyKey: string): string {
  return `exr_${digest('exercise', site, idempotencyKey)}`
}

/** A JSON array frames the parts: no other pair of texts hashes the same bytes. */
function digest(...parts: string[]): string {
  const bytes = sha256(utf8ToBytes(JSON.stringify(parts)))
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 5 && text.length < CHARACTERS) {
      bits -= 5
      text += ALPHABET.charAt((held >> bits) & 31)
    }
    held &= (1 << bits) - 1
  }
  return text
}
