import fc from 'fast-check'
import { EncryptJWT } from 'jose'
import { beforeAll, expect, test } from 'vitest'
import {
  generateSealingJwk,
  importOpeningKey,
  importSealingKey,
  type OpeningKey,
  type PrivateSealingJwk,
  publicSealingJwk,
  type SealingKey,
} from '../../protocol/keys.ts'
import { openSealed, sealSecret } from '../../protocol/seal.ts'

const scope = { site: 'tokyo1', purpose: 'server:PSERVER1:bmc' }
let jwk: PrivateSealingJwk
let sealing: SealingKey
let opening: OpeningKey

beforeAll(async () => {
  jwk = await generateSealingJwk()
  sealing = await importSealingKey(publicSealingJwk(jwk))
  opening = await importOpeningKey(jwk)
})

test('what was sealed opens for its site and purpose, and for nothing else', async () => {
  const sealed = await sealSecret('pässwörd $"', scope, sealing)
  expect(await openSealed(sealed, scope, opening)).toEqual({ secret: 'pässwörd $"' })
  expect(await openSealed(sealed, { ...scope, site: 'osaka' }, opening)).toMatchObject({
    refused: 'wrong-site',
  })
  expect(await openSealed(sealed, { ...scope, purpose: 'pdu:a' }, opening)).toMatchObject({
    refused: 'wrong-purpose',
  })
})

test('another key cannot open it, and no refusal tells the secret', async () => {
  const secret = 'correct-horse-battery'
  const sealed = await sealSecret(secret, scope, sealing)
  const stranger = await importOpeningKey(await generateSealingJwk())
  const refusals = [
    await openSealed(sealed, scope, stranger),
    await openSealed(sealed, { ...scope, site: 'osaka' }, opening),
    await openSealed(sealed, { ...scope, purpose: 'other' }, opening),
    await openSealed(`${sealed}x`, scope, opening),
  ]
  expect(refusals[0]).toMatchObject({ refused: 'wrong-key' })
  for (const refusal of refusals) {
    expect(refusal).toHaveProperty('refused')
    expect(JSON.stringify(refusal)).not.toContain(secret)
  }
})

test('the length of a password does not show', async () => {
  const short = await sealSecret('a', scope, sealing)
  const long = await sealSecret('a'.repeat(20), scope, sealing)
  expect(short.length).toBe(long.length)
})

test('a JWE of another type or version is refused though the key fits', async () => {
  const jwe = (typ: string, v: number) =>
    new EncryptJWT({ v, ...scope, secret: 's' })
      .setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM', typ, site: scope.site })
      .encrypt(sealing.key)
  expect(await openSealed(await jwe('palisade-sealed', 1), scope, opening)).toEqual({ secret: 's' })
  for (const other of [await jwe('JWT', 1), await jwe('palisade-sealed', 2)]) {
    expect(await openSealed(other, scope, opening)).toMatchObject({ refused: 'malformed' })
  }
})

test('another algorithm is refused though the key fits', async () => {
  const direct = await new EncryptJWT({ v: 1, ...scope, secret: 's' })
    .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', typ: 'palisade-sealed' })
    .encrypt(sealing.key)
  expect(await openSealed(direct, scope, opening)).toMatchObject({ refused: 'malformed' })
})

test('any changed character makes it unreadable', async () => {
  const sealed = await sealSecret('secret', scope, sealing)
  await fc.assert(
    fc.asyncProperty(
      fc.nat(sealed.length - 1),
      fc.integer({ min: 33, max: 126 }),
      async (at, code) => {
        const character = String.fromCharCode(code)
        fc.pre(sealed[at] !== character)
        const bent = sealed.slice(0, at) + character + sealed.slice(at + 1)
        expect(await openSealed(bent, scope, opening)).toHaveProperty('refused')
      },
    ),
    { numRuns: 500 },
  )
})

test('no text crashes the opening', async () => {
  const part = fc.oneof(
    fc.string(),
    fc.json().map((json) => Buffer.from(json).toString('base64url')),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 6 }), async (parts) => {
      expect(await openSealed(parts.join('.'), scope, opening)).toHaveProperty('refused')
    }),
    { numRuns: 1000 },
  )
})

test('a key of the wrong kind is named by its fields, never by its value', async () => {
  const { d, ...rest } = jwk
  await expect(importOpeningKey({ ...rest, d: `${d}!` })).rejects.toThrow(/look at d$/)
  await expect(importOpeningKey({ ...rest, d: `${d}!` })).rejects.not.toThrow(d)
  await expect(importSealingKey({ kty: 'RSA' })).rejects.toThrow(/look at kty, crv, x/)
})
