// What agents and hub prove to each other besides orders: the hash chain of records and its signed heads, the
// answer to the hub's challenge, and the signed site document.
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import canonicalize from 'canonicalize'
import type { z } from 'zod'
import { type Refused, refuse, signClaims, verifyClaims } from './jws.ts'
import type { SigningKey, VerifyingKey } from './keys.ts'
import {
  HEAD_TYPE,
  HELLO_TYPE,
  type Head,
  type Hello,
  headSchema,
  helloSchema,
  SITE_TYPE,
  signedSiteSchema,
} from './link.ts'

/** `prev` of an agent's first record. */
export const ZERO_HASH = '0'.repeat(64)

export type SignedSite = z.infer<typeof signedSiteSchema>

/** RFC 8785. Throws on what JSON cannot say exactly: NaN, infinities, lone surrogates. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value)
  if (text === undefined) throw new Error('not a JSON value')
  return text
}

/**
 * SHA-256 over the canonical JSON, in hex. Hash a record as it came, before a schema has dropped any field
 * that this version does not know.
 */
export function hashRecord(record: object): string {
  return hashText(canonicalJson(record))
}

/** SHA-256 of a text that is canonical JSON already. */
export function hashText(canonical: string): string {
  return bytesToHex(sha256(utf8ToBytes(canonical)))
}

export function signHead(head: Head, key: SigningKey): Promise<string> {
  return signClaims(HEAD_TYPE, head, key)
}

export async function verifyHead(
  token: unknown,
  expected: { keys: readonly VerifyingKey[]; site?: string; agent?: string },
): Promise<{ head: Head; kid: string } | Refused> {
  const verified = await verifyClaims(token, { type: HEAD_TYPE, keys: expected.keys, nowMs: 0 })
  if ('refused' in verified) return verified
  const parsed = headSchema.safeParse(verified.claims)
  if (!parsed.success) return refuse('malformed', 'claims are not a head of this version')
  const wrong = wrongOwner(parsed.data, expected)
  return wrong ?? { head: parsed.data, kid: verified.kid }
}

export function signHello(hello: Hello, key: SigningKey): Promise<string> {
  return signClaims(HELLO_TYPE, hello, key)
}

/**
 * The nonce must be the one of this very connection. With the keys of several agents the caller compares
 * the owner of `kid` with `hello.agent`.
 */
export async function verifyHello(
  token: unknown,
  expected: { keys: readonly VerifyingKey[]; site: string; nonce: string; agent?: string },
): Promise<{ hello: Hello; kid: string } | Refused> {
  const verified = await verifyClaims(token, { type: HELLO_TYPE, keys: expected.keys, nowMs: 0 })
  if ('refused' in verified) return verified
  const parsed = helloSchema.safeParse(verified.claims)
  if (!parsed.success) return refuse('malformed', 'claims are not a hello of this version')
  const wrong = wrongOwner(parsed.data, expected)
  if (wrong !== undefined) return wrong
  if (parsed.data.nonce !== expected.nonce) {
    return refuse('expired', 'hello answers another challenge')
  }
  return { hello: parsed.data, kid: verified.kid }
}

/** Throws when the document is not JSON. */
export function signSite(site: SignedSite, key: SigningKey): Promise<string> {
  return signClaims(SITE_TYPE, signedSiteSchema.parse(site), key)
}

/** Says nothing about the revision: whether it is newer than the one held is for the caller. */
export async function verifySite(
  token: unknown,
  expected: { keys: readonly VerifyingKey[]; site: string },
): Promise<{ site: SignedSite; kid: string } | Refused> {
  const verified = await verifyClaims(token, { type: SITE_TYPE, keys: expected.keys, nowMs: 0 })
  if ('refused' in verified) return verified
  const parsed = signedSiteSchema.safeParse(verified.claims)
  if (!parsed.success) return refuse('malformed', 'claims are not a site of this version')
  const wrong = wrongOwner({ site: parsed.data.site, agent: undefined }, { site: expected.site })
  return wrong ?? { site: parsed.data, kid: verified.kid }
}

function wrongOwner(
  claims: { site: string; agent: string | undefined },
  expected: { site?: string; agent?: string },
): Refused | undefined {
  if (expected.site !== undefined && claims.site !== expected.site) {
    return refuse('wrong-audience', `signed for another site than ${expected.site}`)
  }
  if (expected.agent !== undefined && claims.agent !== expected.agent) {
    return refuse('wrong-audience', `signed by another agent than ${expected.agent}`)
  }
  return undefined
}
