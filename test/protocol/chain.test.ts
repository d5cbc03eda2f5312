import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import {
  hashRecord,
  signHead,
  signHello,
  signSite,
  verifyHead,
  verifyHello,
  verifySite,
  ZERO_HASH,
} from '../../protocol/chain.ts'
import {
  generateSigningJwk,
  importSigningKey,
  importVerifyingKey,
  type SigningKey,
  type VerifyingKey,
} from '../../protocol/keys.ts'
import { fromAgentSchema, fromHubSchema } from '../../protocol/link.ts'
import { recordSchema } from '../../protocol/report.ts'
import { BODIES, recordsOf, SITE } from './order-samples.ts'

let key: SigningKey
let keys: VerifyingKey[]

beforeAll(async () => {
  const jwk = await generateSigningJwk()
  key = await importSigningKey(jwk)
  keys = [await importVerifyingKey(jwk)]
})

const hello = {
  v: 1 as const,
  site: SITE,
  agent: 'HACON1',
  nonce: 'n-1',
  start: 1,
  epoch: 1,
  head: 0,
  revision: 0,
  version: '0.1.0',
}

test('a hash depends on every value and not on the order of fields', () => {
  expect(hashRecord({ b: 1, a: [1, { d: null, c: 'x' }] })).toBe(
    hashRecord({ a: [1, { c: 'x', d: null }], b: 1 }),
  )
  expect(hashRecord({ a: 1 })).not.toBe(hashRecord({ a: '1' }))
  expect(hashRecord({})).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a')
})

test('a record has the same hash after its way through JSON and the schema', () => {
  for (const record of recordsOf(BODIES)) {
    const arrived = JSON.parse(JSON.stringify(record))
    expect(hashRecord(arrived)).toBe(hashRecord(record))
    expect(hashRecord(recordSchema.parse(arrived))).toBe(hashRecord(record))
  }
})

test('a hello answers one challenge of one site only', async () => {
  const token = await signHello(hello, key)
  const expected = { keys, site: SITE, nonce: 'n-1' }
  expect(await verifyHello(token, expected)).toMatchObject({ hello, kid: keys[0]?.kid })
  expect(await verifyHello(token, { ...expected, nonce: 'n-2' })).toHaveProperty('refused')
  expect(await verifyHello(token, { ...expected, site: 'osaka' })).toHaveProperty('refused')
  expect(await verifyHello(token, { ...expected, agent: 'HACON2' })).toHaveProperty('refused')
  expect(await verifyHello(token, { ...expected, keys: [] })).toHaveProperty('refused')
})

test('no signed message passes for another kind', async () => {
  const head = { v: 1 as const, site: SITE, agent: 'HACON1', seq: 1, hash: ZERO_HASH }
  const headToken = await signHead(head, key)
  const helloToken = await signHello(hello, key)
  const siteToken = await signSite({ v: 1, site: SITE, revision: 1, document: {} }, key)
  expect(await verifyHead(headToken, { keys, site: SITE })).toMatchObject({ head })
  expect(await verifySite(siteToken, { keys, site: SITE })).toMatchObject({ site: { revision: 1 } })
  for (const other of [helloToken, siteToken]) {
    expect(await verifyHead(other, { keys })).toMatchObject({ refused: 'wrong-type' })
  }
  for (const other of [headToken, helloToken]) {
    expect(await verifySite(other, { keys, site: SITE })).toMatchObject({ refused: 'wrong-type' })
  }
})

test('a site document arrives whole, for its site only', async () => {
  const document = { spec: { servers: [{ name: 'PSERVER1' }] } }
  const token = await signSite({ v: 1, site: SITE, revision: 7, document }, key)
  expect(await verifySite(token, { keys, site: SITE })).toMatchObject({
    site: { revision: 7, document },
  })
  expect(await verifySite(token, { keys, site: 'osaka' })).toMatchObject({
    refused: 'wrong-audience',
  })
})

test('no JSON, however odd, crashes the reading of records and messages', () => {
  const odd = fc.jsonValue({ maxDepth: 4 })
  const bent = fc
    .record({
      record: fc.constantFrom(...recordsOf(BODIES)),
      field: fc.string({ maxLength: 8 }),
      value: odd,
    })
    .map(({ record, field, value }) => ({ ...record, [field]: value }))
  fc.assert(
    fc.property(fc.oneof(odd, bent), (value) => {
      for (const schema of [recordSchema, fromAgentSchema, fromHubSchema]) {
        const parsed = schema.safeParse(value)
        if (!parsed.success) expect(parsed.error.issues.length).toBeGreaterThan(0)
      }
    }),
  )
})
