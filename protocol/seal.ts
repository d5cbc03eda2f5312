// Credentials between the client that types them and the agents of one site: a compact JWE to the site's
// X25519 key. The control plane stores it and can read none (spec architecture.md, decision 6).
import { EncryptJWT, jwtDecrypt } from 'jose'
import { z } from 'zod'
import { isCompact } from './base64url.ts'
import type { OpeningKey, SealingKey } from './keys.ts'
import { PROTOCOL_VERSION } from './version.ts'

/** JWE `typ`. */
export const SEALED_TYPE = 'palisade-sealed'
export const SECRET_MAX = 4096
export const SEALED_MAX = 16_384
const KEY_ALGORITHM = 'ECDH-ES+A256KW'
const CONTENT_ALGORITHM = 'A256GCM'
/** Lengths are rounded up to this, so that the ciphertext does not tell a password's length. */
const BLOCK = 256

export interface SealScope {
  site: string
  /** What the secret is for, such as the device and the field; another purpose cannot open it. */
  purpose: string
}

export type Opened =
  | { secret: string }
  | { refused: 'malformed' | 'wrong-key' | 'wrong-site' | 'wrong-purpose'; detail: string }

const payloadSchema = z.object({
  v: z.literal(PROTOCOL_VERSION),
  site: z.string(),
  purpose: z.string(),
  secret: z.string().max(SECRET_MAX),
  pad: z.string().optional(),
})

/** Throws on a secret that is too long, without showing it. */
export function sealSecret(secret: string, scope: SealScope, key: SealingKey): Promise<string> {
  if (secret.length > SECRET_MAX) throw new Error(`a secret may have ${SECRET_MAX} characters`)
  const payload = { v: PROTOCOL_VERSION, site: scope.site, purpose: scope.purpose, secret }
  const pad = ' '.repeat(BLOCK - (JSON.stringify(payload).length % BLOCK))
  return new EncryptJWT({ ...payload, pad })
    .setProtectedHeader({
      alg: KEY_ALGORITHM,
      enc: CONTENT_ALGORITHM,
      typ: SEALED_TYPE,
      kid: key.kid,
      site: scope.site,
    })
    .encrypt(key.key)
}

/** Opens for exactly one site and purpose. No refusal contains anything of the plaintext. */
export async function openSealed(
  sealed: unknown,
  scope: SealScope,
  key: OpeningKey,
): Promise<Opened> {
  if (typeof sealed !== 'string' || sealed.length > SEALED_MAX) {
    return { refused: 'malformed', detail: `not text of at most ${SEALED_MAX} characters` }
  }
  if (!isCompact(sealed, 5)) return { refused: 'malformed', detail: 'not a compact JWE' }
  const decrypted = await decrypt(sealed, key)
  if ('refused' in decrypted) return decrypted
  const { header } = decrypted
  const payload = payloadSchema.safeParse(decrypted.payload)
  if (header['typ'] !== SEALED_TYPE || !payload.success) {
    return {
      refused: 'malformed',
      detail: `not a sealed credential of version ${PROTOCOL_VERSION}`,
    }
  }
  if (payload.data.site !== scope.site || header['site'] !== scope.site) {
    return { refused: 'wrong-site', detail: `sealed for another site than ${scope.site}` }
  }
  if (payload.data.purpose !== scope.purpose) {
    return { refused: 'wrong-purpose', detail: `sealed for another purpose than ${scope.purpose}` }
  }
  return { secret: payload.data.secret }
}

async function decrypt(
  sealed: string,
  key: OpeningKey,
): Promise<
  | { payload: unknown; header: Record<string, unknown> }
  | { refused: 'malformed' | 'wrong-key'; detail: string }
> {
  try {
    const { payload, protectedHeader } = await jwtDecrypt(sealed, key.key, {
      keyManagementAlgorithms: [KEY_ALGORITHM],
      contentEncryptionAlgorithms: [CONTENT_ALGORITHM],
      currentDate: new Date(0),
    })
    return { payload, header: { ...protectedHeader } }
  } catch (error) {
    // The library's error may carry decrypted claims: only its code is looked at, and it is dropped here.
    if (codeOf(error) === 'ERR_JWE_DECRYPTION_FAILED') {
      return { refused: 'wrong-key', detail: `not sealed to key ${key.kid}, or altered on its way` }
    }
    return { refused: 'malformed', detail: 'not a well-formed JWE of ours' }
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}
