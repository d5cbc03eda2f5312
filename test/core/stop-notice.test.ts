import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canonicalAddress,
  findNoticeSystem,
  heardWithin,
  isFresh,
  type NoticeHistory,
  noticeIntervalMs,
  recordNotice,
} from '../../core/stop-notice.ts'

const heard = (...instants: number[]): NoticeHistory | undefined =>
  instants.reduce<NoticeHistory | undefined>(recordNotice, undefined)

describe('a single notice', () => {
  test('is fresh for three of the longest intervals and not a moment more', () => {
    expect(isFresh(heard(1_000), 31_000)).toBe(true)
    expect(isFresh(heard(1_000), 31_000.1)).toBe(false)
  })

  test('that never came is not fresh', () => {
    expect(isFresh(undefined, 0)).toBe(false)
    expect(heardWithin(undefined, 0, 20_000)).toBe(false)
  })
})

describe('the send interval', () => {
  test('is measured once two rounds were heard, and freshness follows it', () => {
    const history = heard(0, 2_000)
    expect(isFresh(history, 8_000)).toBe(true)
    expect(isFresh(history, 8_001)).toBe(false)
  })

  test('is the shortest gap: a lost datagram does not lengthen it', () => {
    const history = heard(0, 2_000, 6_000)
    expect(isFresh(history, 12_000)).toBe(true)
    expect(isFresh(history, 12_001)).toBe(false)
  })

  test('counts one round that reaches two addresses of this host as one notice', () => {
    const history = heard(0, 3, 10_000, 10_002)
    expect(isFresh(history, 40_002)).toBe(true)
    expect(isFresh(history, 40_003)).toBe(false)
  })

  test('of at least one second is believed', () => {
    const history = heard(0, 600)
    expect(isFresh(history, 3_600)).toBe(true)
    expect(isFresh(history, 3_601)).toBe(false)
  })

  test('of at most ten seconds is believed', () => {
    const history = heard(0, 25_000)
    expect(isFresh(history, 55_000)).toBe(true)
    expect(isFresh(history, 55_001)).toBe(false)
  })

  test('of an earlier crash is forgotten', () => {
    const history = heard(0, 1_000, 2_000, 100_000)
    expect(isFresh(history, 130_000)).toBe(true)
  })

  test('is between one and ten seconds whatever comes, and memory stays bounded', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true })), (instants) => {
        const history = heard(0, ...instants)
        if (!history) throw new Error('nothing recorded')
        expect(noticeIntervalMs(history)).toBeGreaterThanOrEqual(1_000)
        expect(noticeIntervalMs(history)).toBeLessThanOrEqual(10_000)
        expect(history.rounds.length).toBeLessThanOrEqual(8)
        expect(history.lastAt).toBe(Math.max(0, ...instants))
      }),
    )
  })
})

test('a notice of an older instant changes nothing', () => {
  expect(heard(5_000, 4_000)).toEqual(heard(5_000))
})

test('a notice in the twenty seconds before a request is seen, an older one is not', () => {
  expect(heardWithin(heard(1_000), 21_000, 20_000)).toBe(true)
  expect(heardWithin(heard(1_000), 21_000.5, 20_000)).toBe(false)
})

describe('the stopped system', () => {
  const systems = [
    { number: 1, address: '192.0.2.1' },
    { number: 2, address: '2001:DB8:0:0::2' },
  ]

  test.each([
    ['192.0.2.1', 1],
    ['::ffff:192.0.2.1', 1],
    ['::ffff:c000:201', 1],
    ['2001:db8::2', 2],
  ])('is found by the source address, however it is spelt: %s', (address, number) => {
    expect(findNoticeSystem(systems, { address })?.number).toBe(number)
  })

  test.each(['192.0.2.2', '192.0.2.11', '2001:db8::3', '', '::ffff:192.0.2.2', '::192.0.2.1'])(
    'is nobody when the notice comes from elsewhere: %j',
    (address) => {
      expect(findNoticeSystem(systems, { address })).toBeUndefined()
    },
  )

  test('is nobody when two are registered at that address', () => {
    const twins = [...systems, { number: 3, address: '::ffff:192.0.2.1' }]
    expect(findNoticeSystem(twins, { address: '192.0.2.1' })).toBeUndefined()
  })
})

test.each([
  ['FE80::1%eth0', 'fe80:0:0:0:0:0:0:1%eth0'],
  ['::', '0:0:0:0:0:0:0:0'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0:0:0:c000:201'],
])('%s is spelt %s', (address, canonical) => {
  expect(canonicalAddress(address)).toBe(canonical)
})

test.each(['1::2::3', '1:2:3', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::', 'g::1', 'Host.Example'])(
  '%s is no IPv6 address and stays as it is, in lower case',
  (text) => {
    expect(canonicalAddress(text)).toBe(text.toLowerCase())
  },
)
