import { describe, expect, test } from 'vitest'
import { makeGuard } from '../../cli/dump/guard.ts'
import { MASK } from '../../core/secret-mask.ts'

const KNOWN = 'hunter2&"kept'
const UNKNOWN = `pal_${'Zk3'.repeat(14)}x`
const guard = makeGuard([KNOWN, 'tiny'])
const left = (text: string) => guard({ path: 'x', text }).text

describe('a known secret', () => {
  test.each([
    ['plain', KNOWN],
    ['in JSON', JSON.stringify({ said: KNOWN })],
    ['in a URL', `?x=${encodeURIComponent(KNOWN)}`],
    ['in hex', Buffer.from(KNOWN).toString('hex')],
    ['in HEX', Buffer.from(KNOWN).toString('hex').toUpperCase()],
    ...[0, 1, 2, 3].map((before) => [
      `in base64 after ${before} characters`,
      Buffer.from(`${'u'.repeat(before)}${KNOWN}: and more`).toString('base64'),
    ]),
  ])('%s is masked', (_how, text = '') => {
    expect(left(`before ${text} after`)).toContain(MASK)
    for (const form of ['hunter2', Buffer.from('hunter2').toString('hex')]) {
      expect(left(text).toLowerCase()).not.toContain(form)
    }
    expect(left(text)).not.toContain(Buffer.from(KNOWN).toString('base64').slice(0, 12))
  })

  test('one that is too short to mean anything is left', () => {
    expect(left('a tiny thing')).toBe('a tiny thing')
  })
})

describe('a secret that only its form betrays', () => {
  test.each([
    ['base64', Buffer.from(UNKNOWN).toString('base64')],
    ['base64url', Buffer.from(`{"token":"${UNKNOWN}"}`).toString('base64url')],
    ['base64 after other letters', `xy${Buffer.from(UNKNOWN).toString('base64')}`],
    ['hex', Buffer.from(UNKNOWN).toString('hex')],
    ['a basic header', Buffer.from('password=hunter3').toString('base64')],
  ])('in %s is masked', (_how, text) => {
    expect(left(`before ${text} after`)).toBe(`before ${MASK} after`)
  })
})

test('hashes, identifiers and signatures stay', () => {
  const hash = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'
  const jwk = '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
  const text = `rst_2v3q4brhkafrx27jrq713v2pst ${hash} ${jwk}`
  expect(guard({ path: 'x', text })).toEqual({ text, masked: 0 })
})
