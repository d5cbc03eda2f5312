import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalAddress, isNobody } from '../../../core/limits/address.ts'

test.each([
  ['192.168.1.51', '192.168.1.51'],
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['::', '0:0:0:0:0:0:0:0'],
  ['::1', '0:0:0:0:0:0:0:1'],
  ['fd00::A:01', 'fd00:0:0:0:0:0:a:1'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['::FFFF:a01:203', '10.1.2.3'],
  ['64:ff9b::10.1.2.3', '64:ff9b:0:0:0:0:a01:203'],
])('%s has the one spelling %s', (text, canonical) => {
  expect(canonicalAddress(text)).toBe(canonical)
})

test.each([
  '',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.256',
  '01.2.3.4',
  '1.2.3.4 ',
  ' 1.2.3.4',
  '0x1.2.3.4',
  ':',
  ':::',
  '1::2::3',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7:8::',
  '::12345',
  'fe80::1%eth0',
  '[::1]',
  '1.2.3.4::',
  '::1.2.3.4.5',
  'host.example',
  'localhost',
])('"%s" is no address', (text) => {
  expect(canonicalAddress(text)).toBeUndefined()
})

test('the one spelling of any address is its own one spelling', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const canonical = canonicalAddress(text)
      expect(canonical).toBeDefined()
      expect(canonicalAddress(canonical ?? '')).toBe(canonical)
    }),
  )
})

test('only an address that one device can have is somebody', () => {
  const somebody = (text: string) => !isNobody(canonicalAddress(text) ?? '')
  expect(['10.0.0.1', '127.0.0.1', '223.255.255.255', 'fd00::1', 'ff::1'].every(somebody)).toBe(
    true,
  )
  for (const text of ['0.0.0.0', '224.0.0.1', '255.255.255.255', '::', 'ff02::1']) {
    expect(somebody(text), text).toBe(false)
  }
})
