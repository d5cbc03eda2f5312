import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { Credentials } from '../../../../agent/drivers/ipmi/credentials.ts'
import { guidText, judgeIdentity, systemUuidsOf } from '../../../../agent/drivers/ipmi/identity.ts'

const ADMIN = { username: 'admin', password: 'palisade1' }

test.each([
  ['username', { username: 'u'.repeat(17) }],
  ['password', { password: 'p'.repeat(21) }],
  ['password', { password: new Uint8Array(21).fill(0x41) }],
  ['kg', { kg: new Uint8Array(21) }],
])('a %s that IPMI would cut is refused by name, without its value', (field, settings) => {
  expect(() => new Credentials({ ...ADMIN, ...settings })).toThrow(
    new RegExp(`^ipmi ${field} has \\d\\d bytes`),
  )
})

test('the longest of each is taken', () => {
  const longest = { username: 'u'.repeat(16), password: 'p'.repeat(20), kg: Buffer.alloc(20, 1) }
  expect(new Credentials(longest).userKey).toHaveLength(20)
})

test('a Kg of zeros is none, one that begins with a zero is one', () => {
  const password = Buffer.from(ADMIN.password)
  expect(new Credentials({ ...ADMIN, kg: new Uint8Array(20) }).sessionKey).toEqual(password)
  const kg = Uint8Array.of(0, 1)
  expect(new Credentials({ ...ADMIN, kg }).sessionKey).toEqual(Buffer.from(kg))
})

test('no secret shows when credentials are printed', () => {
  const credentials = new Credentials({ ...ADMIN, kg: Buffer.from('keykeykey') })
  const shown = inspect(credentials, { depth: 9, showHidden: true }) + JSON.stringify(credentials)
  expect(shown).not.toContain('palisade1')
  expect(shown).not.toContain(Buffer.from('palisade1').toString('hex', 0, 4))
  expect(shown).not.toContain('70 61 6c 69')
  expect(shown).not.toContain('keykeykey')
})

test.each([
  [['aa'], undefined, 'proven', 'aa'],
  [['aa'], 'aa', 'proven', 'aa'],
  [['aa'], 'bb', 'mismatch', 'aa'],
  [['aa', 'bb'], 'bb', 'proven', 'bb'],
  [[undefined, 'bb'], 'bb', 'proven', 'bb'],
  [[undefined, 'cc'], 'bb', 'mismatch', 'cc'],
  [[undefined, undefined], 'bb', 'unproven', undefined],
  [[], undefined, 'unproven', undefined],
])('a BMC that tells %j where %s is bound is %s', (told, bound, identity, guid) => {
  expect(judgeIdentity(told, bound)).toEqual({ identity, guid })
})

test('GUIDs without content are none', () => {
  expect(guidText(Buffer.alloc(16, 0x00))).toBeUndefined()
  expect(guidText(Buffer.alloc(16, 0xff))).toBeUndefined()
  expect(guidText(Buffer.alloc(16, 0xaa))).toBe('aa'.repeat(16))
})

test('a GUID stands for three spellings of a system UUID', () => {
  expect(systemUuidsOf('00112233445566778899aabbccddeeff')).toEqual([
    '00112233-4455-6677-8899-aabbccddeeff',
    '33221100-5544-7766-8899-aabbccddeeff',
    'ffeeddcc-bbaa-9988-7766-554433221100',
  ])
})
