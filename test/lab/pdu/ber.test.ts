import { expect, test } from 'vitest'
import { BerReader, decodeOid, integer, MalformedBer, oid, TAG } from '../../../lab/pdu/ber.ts'

test.each([
  [0, '020100'],
  [127, '02017f'],
  [128, '02020080'],
  [-1, '0201ff'],
  [-128, '020180'],
  [-129, '0202ff7f'],
  [2_147_483_647, '02047fffffff'],
  [4_294_967_295, '020500ffffffff'],
])('the integer %i is %s, both ways', (value, hex) => {
  expect(integer(value).toString('hex')).toBe(hex)
  expect(new BerReader(Buffer.from(hex, 'hex')).integer()).toBe(value)
})

test.each([
  [[1, 3, 6, 1, 2, 1, 1, 1, 0], '06082b06010201010100'],
  [[1, 3, 6, 1, 4, 1, 318, 1, 3, 4, 6], '060b2b06010401823e01030406'],
  [[2, 999, 3], '0603883703'],
])('the OID %j is %s, both ways', (parts, hex) => {
  expect(oid(parts).toString('hex')).toBe(hex)
  expect(new BerReader(Buffer.from(hex, 'hex')).oid()).toEqual(parts)
})

test.each([
  ['nothing', ''],
  ['a tag alone', '02'],
  ['a length without contents', '0201'],
  ['a length of no bytes', '0280'],
  ['a length of five bytes', '02850000000001'],
  ['an empty integer', '0200'],
  ['an integer of six bytes', '0206000000000001'],
  ['another type', '040100'],
])('%s is malformed where an integer is due', (_name, hex) => {
  expect(() => new BerReader(Buffer.from(hex, 'hex')).integer()).toThrow(MalformedBer)
})

test.each([
  ['that ends inside a part', '2b86'],
  ['of no parts', ''],
  ['with a part over 32 bits', '2b9fffffffff7f'],
  ['of more parts than anyone may have', '01'.repeat(200)],
])('an OID %s is malformed', (_name, hex) => {
  expect(() => decodeOid(Buffer.from(hex, 'hex'))).toThrow(MalformedBer)
})

test('a reader knows where contents stand in the datagram', () => {
  const outer = new BerReader(Buffer.from('3008300602010104' + '0141', 'hex')).sequence()
  const inner = outer.sequence()
  inner.integer()
  expect(inner.take(TAG.octets)).toMatchObject({ contents: Buffer.from('A'), at: 9 })
})
