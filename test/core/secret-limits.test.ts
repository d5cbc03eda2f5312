import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkSecret, kgBytes, type SecretUse } from '../../core/secret-limits.ts'

test.each<[SecretUse, string[], string[]]>([
  ['ipmi-password', ['x', 'x'.repeat(20), ' "$\'\\#;.'], ['', 'x'.repeat(21), 'pässword', 'a\nb']],
  [
    'ipmi-kg',
    ['00'.repeat(20), 'aB'.repeat(20), 'k', 'x'.repeat(20)],
    ['', '00'.repeat(19), `${'00'.repeat(20)}\n`, 'x'.repeat(21), 'zz'.repeat(20)],
  ],
  ['snmp-community', ['a', 'Az09'.repeat(7)], ['', 'a'.repeat(31), 'with space', 'dash-ed']],
  ['snmp-password', ['x'.repeat(8), 'x'.repeat(128)], ['x'.repeat(7), 'x'.repeat(129)]],
  ['esxi-password', ['x', 'x'.repeat(128)], ['', 'x'.repeat(129), '\u0000']],
])('%s is taken at its borders and refused beyond them', (use, right, wrong) => {
  for (const value of right) expect(checkSecret(use, value), value).toBeUndefined()
  for (const value of wrong) expect(checkSecret(use, value), value).toBeDefined()
})

test('the fault of an IPMI password that is too long says what the protocol does', () => {
  expect(checkSecret('ipmi-password', 'x'.repeat(21), '/spec/servers/0/bmc/password')).toEqual({
    pointer: '/spec/servers/0/bmc/password',
    field: 'password',
    allowed: '1 to 20 printable ASCII characters: IPMI 2.0 cuts a longer password off',
    detail: expect.stringContaining('21 characters'),
  })
})

test('no fault repeats the secret', () => {
  const secret = fc.string({ minLength: 21, maxLength: 60, unit: 'grapheme-ascii' })
  fc.assert(
    fc.property(secret, (value) => {
      const fault = checkSecret('ipmi-password', value)
      expect(fault).toBeDefined()
      expect(JSON.stringify(fault)).not.toContain(JSON.stringify(value).slice(1, -1))
    }),
  )
})

test('a Kg of 40 digits is 20 bytes, NUL included, and any other is its characters', () => {
  expect([...kgBytes('00ff'.repeat(10))]).toEqual(Array.from({ length: 10 }, () => [0, 255]).flat())
  expect([...kgBytes('00ff')]).toEqual([48, 48, 102, 102])
})
