// The keys of a world, the same for the same seed. They sign and open as any other.
import { createPrivateKey, createPublicKey } from 'node:crypto'
import {
  importOpeningKey,
  importSealingKey,
  importSigningKey,
  importVerifyingKey,
  type OpeningKey,
  type PrivateSealingJwk,
  type PrivateSigningJwk,
  privateSealingJwkSchema,
  privateSigningJwkSchema,
  publicSealingJwk,
  publicSigningJwk,
  type SealingKey,
  type SigningKey,
  type VerifyingKey,
} from '../../protocol/keys.ts'
import { Chance } from './chance.ts'

export interface Pair {
  signing: SigningKey
  verifying: VerifyingKey
}

export interface Keys {
  controlPlane: Pair
  agent: Pair
  site: { opening: OpeningKey; sealing: SealingKey }
}

/** RFC 8410: what stands before the 32 bytes of a private key in PKCS #8. */
const PREFIX = {
  Ed25519: '302e020100300506032b657004220420',
  X25519: '302e020100300506032b656e04220420',
}

export async function makeKeys(seed: number): Promise<Keys> {
  const chance = new Chance(seed, 'keys')
  const siteJwk = privateSealingJwkSchema.parse(jwkOf('X25519', chance))
  return {
    controlPlane: await pairOf(privateSigningJwkSchema.parse(jwkOf('Ed25519', chance))),
    agent: await pairOf(privateSigningJwkSchema.parse(jwkOf('Ed25519', chance))),
    site: await sealsOf(siteJwk),
  }
}

async function pairOf(jwk: PrivateSigningJwk): Promise<Pair> {
  return {
    signing: await importSigningKey(jwk),
    verifying: await importVerifyingKey(publicSigningJwk(jwk)),
  }
}

async function sealsOf(jwk: PrivateSealingJwk) {
  return {
    opening: await importOpeningKey(jwk),
    sealing: await importSealingKey(publicSealingJwk(jwk)),
  }
}

function jwkOf(curve: keyof typeof PREFIX, chance: Chance) {
  const bytes = Buffer.from(Array.from({ length: 32 }, () => chance.between(0, 255)))
  const der = Buffer.concat([Buffer.from(PREFIX[curve], 'hex'), bytes])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const { x } = createPublicKey(key).export({ format: 'jwk' })
  return { kty: 'OKP', crv: curve, x, d: bytes.toString('base64url') }
}
