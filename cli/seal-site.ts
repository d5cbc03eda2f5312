// Puts the sealed form of each credential in its place.
import type { SealingKey } from '../protocol/keys.ts'
import { sealSecret } from '../protocol/seal.ts'
import type { SealedMemory } from './sealed-memory.ts'
import type { ResolvedSecret } from './site-secrets.ts'

/** Changes the document that the secrets were found in. Without `memory` every one is sealed anew. */
export async function sealSecrets(
  secrets: readonly ResolvedSecret[],
  scope: { site: string; key: SealingKey },
  memory?: SealedMemory,
): Promise<void> {
  const { site, key } = scope
  for (const { owner, field, identity, purpose, secret } of secrets) {
    const about = [key.kid, purpose, identity]
    const sealed =
      memory?.recall(about, secret) ?? (await sealSecret(secret, { site, purpose }, key))
    memory?.remember(about, secret, sealed)
    owner[field] = { sealed }
  }
}
