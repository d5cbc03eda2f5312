import fc from 'fast-check'
import { SignJWT } from 'jose'
import { beforeAll, expect, test } from 'vitest'
import { signClaims } from '../../protocol/jws.ts'
import {
  generateSigningJwk,
  importSigningKey,
  importVerifyingKey,
  type SigningKey,
  type VerifyingKey,
} from '../../protocol/keys.ts'
import { ORDER_TYPE } from '../../protocol/order.ts'
import { peekOrder, refusedOrder, signOrder, verifyOrder } from '../../protocol/order-token.ts'
import { bodySchema, ORDER_TOKEN_MAX } from '../../protocol/report.ts'
import { REQUEST, RESET_ID, RESET_ORDER, RESTORE_ORDER, SITE } from './order-samples.ts'

let key: SigningKey
let stranger: SigningKey
let keys: VerifyingKey[]
const nowMs = RESET_ORDER.issuedAtMs + 1000

beforeAll(async () => {
  const jwk = await generateSigningJwk()
  key = await importSigningKey(jwk)
  keys = [await importVerifyingKey(jwk)]
  stranger = await importSigningKey(await generateSigningJwk())
})

const claims = (order: unknown, aud = `palisade:site:${SITE}`) => ({
  aud,
  jti: RESET_ID,
  iat: Math.floor(RESET_ORDER.issuedAtMs / 1000),
  exp: Math.ceil(RESET_ORDER.expiresAtMs / 1000),
  order,
})

test('an order arrives as it was signed', async () => {
  for (const order of [RESET_ORDER, RESTORE_ORDER]) {
    const token = await signOrder(order, key)
    expect(await verifyOrder(token, { keys, site: SITE, nowMs })).toEqual({ order })
  }
})

test('an order is good until the millisecond of its expiry by the hub, and not in it', async () => {
  const token = await signOrder({ ...RESET_ORDER, expiresAtMs: RESET_ORDER.issuedAtMs + 1500 }, key)
  const at = (ms: number) =>
    verifyOrder(token, { keys, site: SITE, nowMs: RESET_ORDER.issuedAtMs + ms })
  expect(await at(1499)).toHaveProperty('order')
  expect(await at(1500)).toMatchObject({ refused: 'expired' })
  expect(await at(500_000)).toMatchObject({ refused: 'expired' })
})

test('the wall clock of the agent decides nothing: an order of 1980 is good at a hub of 1980', async () => {
  const order = { ...RESET_ORDER, issuedAtMs: 315_532_800_000, expiresAtMs: 315_532_830_000 }
  const token = await signOrder(order, key)
  expect(await verifyOrder(token, { keys, site: SITE, nowMs: 315_532_801_000 })).toEqual({ order })
})

test.each([
  ['another site', 'wrong-audience', () => signOrder({ ...RESET_ORDER, site: 'osaka' }, key)],
  ['an unpinned key', 'bad-signature', () => signOrder(RESET_ORDER, stranger)],
  ['another type', 'wrong-type', () => signClaims('palisade-site+jwt', claims(RESET_ORDER), key)],
  [
    'a later version',
    'unsupported-version',
    () => signClaims(ORDER_TYPE, claims({ ...RESET_ORDER, v: 2 }), key),
  ],
  ['no plan', 'malformed', () => signClaims(ORDER_TYPE, claims({ ...RESET_ORDER, plan: 0 }), key)],
  [
    'an id that is not its jti',
    'malformed',
    () => signClaims(ORDER_TYPE, { ...claims(RESET_ORDER), jti: RESTORE_ORDER.id }, key),
  ],
  [
    'a site inside that is not its audience',
    'wrong-audience',
    () => signClaims(ORDER_TYPE, claims({ ...RESET_ORDER, site: 'osaka' }), key),
  ],
  [
    'an issue time far ahead of the hub',
    'malformed',
    () =>
      signOrder({ ...RESET_ORDER, issuedAtMs: nowMs + 60_001, expiresAtMs: nowMs + 90_000 }, key),
  ],
])('an order with %s is refused as %s', async (_, refused, token) => {
  expect(await verifyOrder(await token(), { keys, site: SITE, nowMs })).toMatchObject({ refused })
})

test('a key of ours under the name of a pinned one is refused', async () => {
  const [pinned] = keys
  const token = await signOrder(RESET_ORDER, { ...stranger, kid: pinned?.kid ?? '' })
  expect(await verifyOrder(token, { keys, site: SITE, nowMs })).toMatchObject({
    refused: 'bad-signature',
  })
})

test('no algorithm but EdDSA signs an order, not even with a pinned name', async () => {
  const kid = keys[0]?.kid ?? ''
  const hmac = await new SignJWT({ ...claims(RESET_ORDER) })
    .setProtectedHeader({ alg: 'HS256', typ: ORDER_TYPE, kid })
    .sign(new Uint8Array(32))
  const none = [{ alg: 'none', typ: ORDER_TYPE, kid }, claims(RESET_ORDER)]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  for (const token of [hmac, `${none}.`]) {
    expect(await verifyOrder(token, { keys, site: SITE, nowMs })).toMatchObject({
      refused: expect.stringMatching(/bad-signature|malformed/),
    })
  }
})

test('any changed character of a token is refused', async () => {
  const token = await signOrder(RESET_ORDER, key)
  await fc.assert(
    fc.asyncProperty(
      fc.nat(token.length - 1),
      fc.integer({ min: 33, max: 126 }),
      async (at, code) => {
        const character = String.fromCharCode(code)
        fc.pre(token[at] !== character)
        const bent = token.slice(0, at) + character + token.slice(at + 1)
        expect(await verifyOrder(bent, { keys, site: SITE, nowMs })).toHaveProperty('refused')
      },
    ),
    { numRuns: 1000 },
  )
})

test('no text, however hostile, passes or crashes', async () => {
  const part = fc.oneof(
    fc.string(),
    fc.json().map((json) => Buffer.from(json).toString('base64url')),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 5 }), async (parts) => {
      const token = parts.join('.')
      expect(await verifyOrder(token, { keys, site: SITE, nowMs })).toHaveProperty('refused')
      const peeked = peekOrder(token)
      expect((peeked.token ?? '').length).toBeLessThanOrEqual(ORDER_TOKEN_MAX)
    }),
    { numRuns: 500 },
  )
})

test('any claims under a good signature are an order or refused', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.jsonValue(),
      async (rest, inner) => {
        const token = await signClaims(ORDER_TYPE, { ...rest, ...claims(inner) }, key)
        expect(await verifyOrder(token, { keys, site: SITE, nowMs })).toHaveProperty('refused')
      },
    ),
    { numRuns: 100 },
  )
})

test('a forged token that names a waiting order is recorded without its id', async () => {
  const token = await signOrder(RESET_ORDER, stranger)
  expect(peekOrder(token)).toEqual({ order: RESET_ID, token, request: REQUEST })
  const verdict = await verifyOrder(token, { keys, site: SITE, nowMs })
  if (!('refused' in verdict)) throw new Error('a forgery was accepted')
  const body = refusedOrder(token, verdict)
  expect(bodySchema.parse(body)).toEqual(body)
  expect(body).toMatchObject({ code: 'bad-signature', order: null, token: null, request: null })
})

test('an expired order is recorded with its id, its token and its request', async () => {
  const token = await signOrder(RESET_ORDER, key)
  const verdict = await verifyOrder(token, { keys, site: SITE, nowMs: RESET_ORDER.expiresAtMs })
  if (!('refused' in verdict)) throw new Error('an expired order was accepted')
  const body = refusedOrder(token, verdict)
  expect(bodySchema.parse(body)).toEqual(body)
  expect(body).toMatchObject({ code: 'expired', order: RESET_ID, token, request: REQUEST })
})

test('a token that outgrows a journal record is neither signed nor read', async () => {
  const feeds = Array.from({ length: 600 }, (_, index) => ({
    pdu: 'pdu-a',
    pduAddress: '192.168.1.101',
    outlet: index + 1,
  }))
  const order = { ...RESET_ORDER, plan: { ...RESET_ORDER.plan, feeds } }
  await expect(signOrder(order, key)).rejects.toThrow(/at most 32768/)
  const huge = 'a'.repeat(ORDER_TOKEN_MAX + 1)
  expect(await verifyOrder(huge, { keys, site: SITE, nowMs })).toMatchObject({
    refused: 'malformed',
  })
  expect(peekOrder(huge)).toEqual({ order: null, token: null, request: null })
})

test('an order that lives longer than an hour is not signed', async () => {
  const expiresAtMs = RESET_ORDER.issuedAtMs + 3_600_001
  await expect(signOrder({ ...RESET_ORDER, expiresAtMs }, key)).rejects.toThrow(/expiresAtMs/)
})
