import { expect, test } from 'vitest'
import type { SiteDocument } from '../../core/site.ts'
import { wiringText } from '../../core/wiring.ts'

const pdu = (name: string, more: object = {}) => {
  return { name, address: '192.168.1.101', port: 161, model: 'ibm-ipdu', ...more }
}

function site(feeds: object[], pdus: object[] = [pdu('a'), pdu('b', { port: 162 })]) {
  const managementServers = [{ name: 'M1', feeds }]
  const spec = { pdus, servers: [{ name: 'S1', feeds }], managementServers }
  return { spec } as unknown as SiteDocument
}

const FEEDS = [
  { pdu: 'a', outlet: 1 },
  { pdu: 'b', outlet: 2 },
]
const wiring = wiringText(site(FEEDS), 'S1')

test('wiring is the same whatever the PDUs are called and in which order feeds stand', () => {
  const renamed = [pdu('x'), pdu('y', { port: 162 })]
  const feeds = [
    { pdu: 'y', outlet: 2 },
    { pdu: 'x', outlet: 1 },
  ]
  expect(wiringText(site(feeds, renamed), 'S1')).toBe(wiring)
})

test.each([
  ['another outlet', [FEEDS[0], { pdu: 'b', outlet: 3 }], undefined],
  ['a feed more', [...FEEDS, { pdu: 'b', outlet: 3 }], undefined],
  ['a feed less', [FEEDS[0]], undefined],
  ['another port', FEEDS, [pdu('a'), pdu('b', { port: 163 })]],
  ['another address', FEEDS, [pdu('a', { address: '192.168.1.9' }), pdu('b', { port: 162 })]],
  ['another unit', FEEDS, [pdu('a', { unit: 2 }), pdu('b', { port: 162 })]],
  ['another model', FEEDS, [pdu('a', { model: 'apc-rpdu' }), pdu('b', { port: 162 })]],
])('%s is another wiring', (_, feeds, pdus) => {
  expect(wiringText(site(feeds as object[], pdus), 'S1')).not.toBe(wiring)
})

test('a server without feeds has no wiring', () => {
  expect(wiringText(site([]), 'S1')).toBeUndefined()
  expect(wiringText(site(FEEDS), 'S2')).toBeUndefined()
})

test('a management server has a wiring too', () => {
  expect(wiringText(site(FEEDS), 'M1')).toBe(wiring)
})
