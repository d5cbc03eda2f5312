// Get SEL Info, Entry and Time as bytes, and which entries tell of power supplies.
import { expect, test } from 'vitest'
import { getSelEntry } from '../../../../agent/drivers/ipmi/get-sel-entry.ts'
import { getSelInfo } from '../../../../agent/drivers/ipmi/get-sel-information.ts'
import { getSelTime } from '../../../../agent/drivers/ipmi/get-sel-time.ts'
import { supplyEventOf } from '../../../../agent/drivers/ipmi/supply-record.ts'

const bytes = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

test('Get SEL Entry asks for a whole record without a reservation', () => {
  expect(Buffer.from(getSelEntry.encode(0x0102)).toString('hex')).toBe('0000020100ff')
})

const RECORD = '0500 02 10203040 2000 04 08 51 6f 03 ff ff'

test('Get SEL Entry tells the record, the one after it, and its bytes', () => {
  const entry = getSelEntry.decode(bytes(`0600 ${RECORD}`))
  expect(entry).toMatchObject({ record: 5, next: 6 })
  expect(getSelEntry.decode(bytes(`0600 ${RECORD}`).subarray(0, 17))).toBeUndefined()
  expect(getSelEntry.decode(bytes(''))).toBeUndefined()
})

test('Get SEL Info and Time tell count and clock, and nothing when they are cut short', () => {
  expect(getSelInfo.decode(bytes('51 0201 0000'))).toEqual({ entries: 258 })
  expect(getSelInfo.decode(bytes('51 02'))).toBeUndefined()
  expect(getSelTime.decode(bytes('10203040'))).toBe(0x40302010)
  expect(getSelTime.decode(bytes('102030'))).toBeUndefined()
})

const at = { record: 5, atS: 0x40302010, sensor: 0x51 }

test.each([
  ['a lost input', '08 51 6f 03', { ...at, what: 'input lost', bad: true }],
  ['a returned input', '08 51 ef 03', { ...at, what: 'input lost', bad: false }],
  [
    'a failure, with details in the upper bits',
    '08 51 6f a1',
    { ...at, what: 'failure', bad: true },
  ],
  ['a predicted failure', '08 51 6f 02', { ...at, what: 'predictive failure', bad: true }],
  ['a lost or bad input', '08 51 6f 04', { ...at, what: 'input lost or out of range', bad: true }],
  ['a bad input', '08 51 6f 05', { ...at, what: 'input out of range', bad: true }],
  ['a wrong configuration', '08 51 6f 06', { ...at, what: 'configuration error', bad: true }],
  ['a supply that was plugged in', '08 51 6f 00', { ...at, what: 'not present', bad: false }],
  ['a supply that was pulled out', '08 51 ef 00', { ...at, what: 'not present', bad: true }],
  ['a supply in standby', '08 51 6f 07', undefined],
  ['a threshold of a supply', '08 51 01 03', undefined],
  ['a temperature', '01 51 6f 03', undefined],
])('%s is told as such', (_, middle, event) => {
  const entry = getSelEntry.decode(bytes(`ffff 0500 02 10203040 2000 04 ${middle} ff ff`))
  expect(entry && supplyEventOf(entry)).toEqual(event)
})

test('an entry of a vendor tells nothing', () => {
  const entry = getSelEntry.decode(bytes('ffff 0500 c0 10203040 2000 04 08 51 6f 03 ff ff'))
  expect(entry && supplyEventOf(entry)).toBeUndefined()
})
