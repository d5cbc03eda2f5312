import { describe, expect, test } from 'vitest'
import { MASK, maskSecrets } from '../../core/secret-mask.ts'

const TOKEN = `pal_${'Zk3'.repeat(14)}x`
const SIGNED = `eyJhbGciOiJFZERTQSJ9.${'cGF5'.repeat(8)}.${'c2ln'.repeat(20)}`
const SEALED = `eyJhbGciOiJFQ0RILUVTIn0.${'a2V5'.repeat(9)}.aXY.${'Y2lwaGVy'.repeat(6)}.dGFn`
const PEM = `-----BEGIN PRIVATE KEY-----\n${'MC4CAQAwBQYDK2Vw'.repeat(4)}\n-----END PRIVATE KEY-----`

describe('what looks like a secret is masked', () => {
  test.each([
    ['an API token', `refused ${TOKEN} at`, TOKEN.slice(4)],
    ['an API token after an escaped line end', `{"said":"a\\n${TOKEN}"}`, TOKEN.slice(4)],
    ['an enrolment token with its fingerprint', 'ple_abcdefghijklmnop.FINGERPRINT', 'FINGERPRINT'],
    ['a webhook secret', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'MfKQ9r8'],
    [
      'a private key as JWK',
      '{"kty":"OKP","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}',
      'nWGxne',
    ],
    ['a JWK within JSON', '{"said":"{\\"d\\":\\"nWGxne_9WmC6hEr0kuwsxERJxWl7\\"}"}', 'nWGxne'],
    ['a printed JWK', "{ d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A' }", 'nWGxne'],
    ['a PEM key', `before\n${PEM}\nafter`, 'MC4CAQ'],
    ['a PEM key within JSON', JSON.stringify({ key: PEM }), 'MC4CAQ'],
    ['a PEM key that was cut off', PEM.slice(0, 70), 'MC4CAQ'],
    [
      'a private key out of its frame',
      `x ${'MC4CAQAwBQYDK2VwBCIEIAHOuwDOQSR2DYzT3blb7HDE'} y`,
      'AHOuwDO',
    ],
    ['a sealed credential', `{"sealed":"${SEALED}"}`, 'Y2lwaGVy'],
    ['a signed token', `saw ${SIGNED}`, 'c2ln'],
    ['a URL with a password', 'postgres://palisade:s3cr@t@db.example:5432/x', 's3cr'],
    ['a header', 'Authorization: Bearer abcdefgh12345', 'abcdefgh'],
    ['a basic header', 'sent Basic YWRtaW46aHVudGVyMg==', 'YWRtaW46'],
    ['an assignment', 'BMC_PASSWORD=hunter2 next', 'hunter2'],
    ['a quoted assignment', 'password: "my pass, word" next', 'pass, word'],
    ['a JSON member', '{"community":"public1","x":1}', 'public1'],
    ['a JSON member with an escaped quote', '{"password":"ab\\"tail"}', 'tail'],
    ['a member of JSON within JSON', '{"said":"{\\"password\\":\\"ab\\\\\\"tail\\"}"}', 'tail'],
    ['an assignment that was cut off', '{"password":"hunt', 'hunt'],
    ['a key of a BMC', 'kg = 0123abcd', '0123abcd'],
  ])('%s', (_what, text, secret) => {
    const { text: left, masked } = maskSecrets(text)
    expect(left).not.toContain(secret)
    expect(left).toContain(MASK)
    expect(masked).toBeGreaterThan(0)
  })

  test('a signature after an escaped line end too', () => {
    expect(maskSecrets(`{"said":"a\\n${SIGNED}"}`).text).toBe(`{"said":"a\\n${MASK}"}`)
  })

  test('what stands around it stays, and JSON stays JSON', () => {
    expect(maskSecrets(`before\n${PEM}\nafter`).text).toBe(`before\n${MASK}\nafter`)
    expect(maskSecrets('postgres://u:p@h:5/d').text).toBe(`postgres://u:${MASK}@h:5/d`)
    const object = { password: 'a "quoted" one', token: TOKEN, d: 'x'.repeat(43), kept: 1 }
    const left = JSON.parse(maskSecrets(JSON.stringify(object)).text)
    expect(left).toEqual({ password: MASK, token: `pal_${MASK}`, d: MASK, kept: 1 })
  })
})

describe('what is no secret stays as it is', () => {
  test.each([
    'an agent of version 0.1.0, a bearer token is needed',
    '{"tokenId":"tok_0123456789abcdef01234567","tokenName":"ci","keyHash":null}',
    '{"password":null,"secret":"","token":false}',
    'GET /sample_documents/simple_configuration for multiple_of_them',
    `{"password":{"sealed":"sha256:0123abcd"},"prev":"${'0a'.repeat(32)}"}`,
    'https://control.example:8443/v1/sites?x=a@b',
  ])('%s', (text) => {
    expect(maskSecrets(text)).toEqual({ text, masked: 0 })
  })

  test('the signed heads of an audit, when they are asked for', () => {
    const head = `{"type":"head","agent":"HACON1","token":"${SIGNED}"}`
    expect(maskSecrets(head, { keepSignatures: true })).toEqual({ text: head, masked: 0 })
    expect(maskSecrets(head).text).not.toContain('c2ln')
  })
})

test('masking twice is masking once', () => {
  const once = maskSecrets(`{"password":"x","said":"token=${TOKEN}"} Bearer abcdefgh1`).text
  expect(maskSecrets(once)).toEqual({ text: once, masked: 0 })
})

test('megabytes of hostile text take a moment, not minutes', () => {
  const hostile = [
    '-----BEGIN PRIVATE KEY-----'.repeat(2000),
    'password'.repeat(60_000),
    `token="${'\\'.repeat(200_000)}`,
    `${'://'.repeat(50_000)}${':a'.repeat(50_000)}`,
    'eyJ.'.repeat(80_000),
    'eyJ'.repeat(100_000),
    'token='.repeat(80_000),
    `${'token="'.repeat(50_000)}`,
  ]
  const startedAt = performance.now()
  for (const text of hostile) maskSecrets(text)
  expect(performance.now() - startedAt).toBeLessThan(10_000)
})
