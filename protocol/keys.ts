// The two kinds of keys of Palisade as JWK: Ed25519 signs, X25519 opens sealed credentials. A key is known
// by its RFC 7638 thumbprint, which is its `kid` and the fingerprint that people compare.
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } from 'jose'
import { z } from 'zod'

/** 32 bytes in base64url; the last character carries two zero bits, so each key has one spelling. */
const bytes32 = z
  .string()
  .regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, 'must be 32 bytes in base64url')

export const publicSigningJwkSchema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: bytes32,
})
export const privateSigningJwkSchema = publicSigningJwkSchema.extend({ d: bytes32 })
export const publicSealingJwkSchema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('X25519'),
  x: bytes32,
})
export const privateSealingJwkSchema = publicSealingJwkSchema.extend({ d: bytes32 })

export type PublicSigningJwk = z.infer<typeof publicSigningJwkSchema>
export type PrivateSigningJwk = z.infer<typeof privateSigningJwkSchema>
export type PublicSealingJwk = z.infer<typeof publicSealingJwkSchema>
export type PrivateSealingJwk = z.infer<typeof privateSealingJwkSchema>

/** A key ready for use. The runtime holds the key itself; only the thumbprint can be printed. */
export interface UsableKey<Purpose extends 'sign' | 'verify' | 'seal' | 'open'> {
  purpose: Purpose
  kid: string
  key: CryptoKey
}
export type SigningKey = UsableKey<'sign'>
export type VerifyingKey = UsableKey<'verify'>
export type SealingKey = UsableKey<'seal'>
export type OpeningKey = UsableKey<'open'>

export async function generateSigningJwk(): Promise<PrivateSigningJwk> {
  const pair = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  return privateSigningJwkSchema.parse(await exportJWK(pair.privateKey))
}

export async function generateSealingJwk(): Promise<PrivateSealingJwk> {
  const pair = await generateKeyPair('ECDH-ES', { crv: 'X25519', extractable: true })
  return privateSealingJwkSchema.parse(await exportJWK(pair.privateKey))
}

/** The half that may be shown to anyone. */
export function publicSigningJwk(jwk: PublicSigningJwk | PrivateSigningJwk): PublicSigningJwk {
  return { kty: jwk.kty, crv: jwk.crv, x: jwk.x }
}

/** The half that may be shown to anyone. */
export function publicSealingJwk(jwk: PublicSealingJwk | PrivateSealingJwk): PublicSealingJwk {
  return { kty: jwk.kty, crv: jwk.crv, x: jwk.x }
}

/** RFC 7638 SHA-256 thumbprint in base64url, equal for both halves of a pair. */
export function thumbprint(jwk: PublicSigningJwk | PublicSealingJwk): Promise<string> {
  return calculateJwkThumbprint({ kty: jwk.kty, crv: jwk.crv, x: jwk.x }, 'sha256')
}

/** Throws when the JWK is not a private Ed25519 key; the error shows no part of it. */
export async function importSigningKey(jwk: unknown): Promise<SigningKey> {
  const parsed = checked(privateSigningJwkSchema, jwk, 'private Ed25519')
  return { purpose: 'sign', kid: await thumbprint(parsed), key: await usable(parsed, 'EdDSA') }
}

/** Throws when the JWK is not a public Ed25519 key. Takes only the public half of a private one. */
export async function importVerifyingKey(jwk: unknown): Promise<VerifyingKey> {
  const parsed = checked(publicSigningJwkSchema, jwk, 'public Ed25519')
  return { purpose: 'verify', kid: await thumbprint(parsed), key: await usable(parsed, 'EdDSA') }
}

/** Throws when the JWK is not a public X25519 key. Takes only the public half of a private one. */
export async function importSealingKey(jwk: unknown): Promise<SealingKey> {
  const parsed = checked(publicSealingJwkSchema, jwk, 'public X25519')
  return { purpose: 'seal', kid: await thumbprint(parsed), key: await usable(parsed, 'ECDH-ES') }
}

/** Throws when the JWK is not a private X25519 key; the error shows no part of it. */
export async function importOpeningKey(jwk: unknown): Promise<OpeningKey> {
  const parsed = checked(privateSealingJwkSchema, jwk, 'private X25519')
  return { purpose: 'open', kid: await thumbprint(parsed), key: await usable(parsed, 'ECDH-ES') }
}

function checked<T>(schema: z.ZodType<T>, jwk: unknown, wanted: string): T {
  const parsed = schema.safeParse(jwk)
  if (parsed.success) return parsed.data
  const fields = [...new Set(parsed.error.issues.map((issue) => issue.path.join('.') || 'jwk'))]
  throw new Error(`not a ${wanted} key as JWK: look at ${fields.join(', ')}`)
}

async function usable(
  jwk: PublicSigningJwk | PublicSealingJwk,
  alg: 'EdDSA' | 'ECDH-ES',
): Promise<CryptoKey> {
  const key = await importJWK(jwk, alg, { extractable: false })
  if (key instanceof Uint8Array) throw new Error('an OKP key cannot be symmetric')
  return key
}
