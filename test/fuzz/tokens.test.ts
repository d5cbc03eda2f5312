// Signed and sealed texts: what a hostile control plane, agent or client may put into them.

import fc from 'fast-check'
import { EncryptJWT } from 'jose'
import { beforeAll, expect, test } from 'vitest'
import { verifyHead, verifyHello, verifySite } from '../../protocol/chain.ts'
import { signClaims, verifyClaims } from '../../protocol/jws.ts'
import {
  generateSealingJwk,
  generateSigningJwk,
  importOpeningKey,
  importSealingKey,
  importSigningKey,
  importVerifyingKey,
  type OpeningKey,
  publicSealingJwk,
  publicSigningJwk,
  type SealingKey,
  type SigningKey,
  type VerifyingKey,
} from '../../protocol/keys.ts'
import { HEAD_TYPE, HELLO_TYPE, SITE_TYPE } from '../../protocol/link.ts'
import { ORDER_TYPE } from '../../protocol/order.ts'
import { refusedOrder, signOrder, siteAudience, verifyOrder } from '../../protocol/order-token.ts'
import { bodySchema } from '../../protocol/report.ts'
import { openSealed, SEALED_TYPE, sealSecret } from '../../protocol/seal.ts'
import { RESET_ORDER, SITE } from '../protocol/order-samples.ts'
import { bent, fuzz, garbled, nastyJson, nastyText } from './fuzz.ts'

let signing: SigningKey
let keys: VerifyingKey[]
let sealing: SealingKey
let opening: OpeningKey
beforeAll(async () => {
  const sign = await generateSigningJwk()
  signing = await importSigningKey(sign)
  keys = [await importVerifyingKey(publicSigningJwk(sign))]
  const seal = await generateSealingJwk()
  sealing = await importSealingKey(publicSealingJwk(seal))
  opening = await importOpeningKey(seal)
})

const nowMs = RESET_ORDER.issuedAtMs
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

test('a garbled order, or any text, is refused with a reason, and its refusal can be journalled', async () => {
  const good = await signOrder(RESET_ORDER, signing)
  expect(await verifyOrder(good, { keys, site: SITE, nowMs })).toMatchObject({ order: RESET_ORDER })
  const texts = fc.oneof(
    garbled(good),
    nastyText,
    fc
      .tuple(nastyJson, nastyJson, nastyText)
      .map(([header, claims, signature]) => `${bytes(header)}.${bytes(claims)}.${signature}`),
  )
  await fuzz({ title: 'order texts' }, texts, async (token) => {
    if (token === good) return
    const verdict = await verifyOrder(token, { keys, site: SITE, nowMs })
    if ('order' in verdict) throw new Error('taken')
    expect(verdict.detail.length).toBeLessThan(300)
    expect(bodySchema.safeParse(refusedOrder(token, verdict)).success).toBe(true)
  })
})

test('claims of any kind under the right key are taken as an order only when they are one', async () => {
  const claims = bent({
    aud: siteAudience(SITE),
    jti: RESET_ORDER.id,
    iat: Math.floor(nowMs / 1000),
    exp: Math.ceil(RESET_ORDER.expiresAtMs / 1000),
    order: RESET_ORDER,
  })
  await fuzz({ title: 'order claims' }, claims, async (claimed) => {
    if (typeof claimed !== 'object' || claimed === null) return
    const token = await signClaims(ORDER_TYPE, claimed, signing)
    const verdict = await verifyOrder(token, { keys, site: SITE, nowMs })
    if ('order' in verdict) {
      expect(verdict.order).toMatchObject({ site: SITE, id: claimed.jti })
      expect(verdict.order.expiresAtMs).toBeGreaterThan(nowMs)
    } else {
      expect(bodySchema.safeParse(refusedOrder(token, verdict)).success).toBe(true)
    }
  })
})

test('no header of a token makes another key, type or algorithm pass', async () => {
  const head = { v: 1 as const, site: SITE, agent: 'A', seq: 1, hash: '0'.repeat(64) }
  const payload = bytes(head)
  const headers = bent({
    alg: 'EdDSA',
    typ: HEAD_TYPE,
    kid: signing.kid,
    crit: ['b64'],
    b64: false,
  })
  await fuzz({ title: 'JWS headers', withinMs: 3000 }, headers, async (header) => {
    const token = `${bytes(header)}.${payload}.${Buffer.alloc(64).toString('base64url')}`
    expect(await verifyHead(token, { keys, site: SITE })).toHaveProperty('refused')
  })
})

test('heads, hellos and sites with any claims are refused or what they should be', async () => {
  const inputs = fc.tuple(fc.constantFrom(HEAD_TYPE, HELLO_TYPE, SITE_TYPE), nastyJson)
  await fuzz({ title: 'claims of the link', withinMs: 3000 }, inputs, async ([type, claims]) => {
    if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return
    const token = await signClaims(type, claims, signing)
    expect(await verifyHead(token, { keys })).toHaveProperty('refused')
    expect(await verifyHello(token, { keys, site: SITE, nonce: 'n' })).toHaveProperty('refused')
    expect(await verifySite(token, { keys, site: SITE })).toHaveProperty('refused')
    await verifyClaims(token, { type, keys, nowMs })
  })
})

test('a garbled seal is refused, and no refusal tells anything of the secret', async () => {
  const scope = { site: SITE, purpose: 'bmc-password' }
  const secret = 'Xk7-secret-Xk7'
  const good = await sealSecret(secret, scope, sealing)
  const texts = fc.oneof(garbled(good), nastyText, garbled('a.b.c.d.e'))
  await fuzz({ title: 'sealed texts' }, texts, async (sealed) => {
    if (sealed === good) return
    const opened = await openSealed(sealed, scope, opening)
    expect(opened).toHaveProperty('refused')
    expect(JSON.stringify(opened)).not.toContain('Xk7')
  })
})

test('whatever was sealed to the right key opens only as a credential of its site and purpose', async () => {
  const scope = { site: SITE, purpose: 'bmc-password' }
  const inputs = fc.tuple(
    bent({ v: 1, ...scope, secret: 'Xk7-secret-Xk7', pad: ' ' }),
    fc.constantFrom(SITE, 'elsewhere'),
    fc.constantFrom(SEALED_TYPE, 'JWT'),
  )
  await fuzz({ title: 'sealed claims' }, inputs, async ([payload, site, typ]) => {
    if (typeof payload !== 'object' || payload === null) return
    const header = { alg: 'ECDH-ES+A256KW', enc: 'A256GCM', typ, kid: sealing.kid, site }
    const sealed = await new EncryptJWT({ ...payload })
      .setProtectedHeader(header)
      .encrypt(sealing.key)
    const opened = await openSealed(sealed, scope, opening)
    if ('secret' in opened) {
      expect([site, typ, opened.secret]).toEqual([SITE, SEALED_TYPE, payload.secret])
      expect(payload).toMatchObject(scope)
    } else {
      expect(JSON.stringify(opened)).not.toContain('Xk7')
    }
  })
})
