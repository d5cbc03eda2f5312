import { expect, test } from 'vitest'
import { runCables } from '../../../lab/model/cabling.ts'
import { PduModel } from '../../../lab/model/pdu.ts'
import { VirtualClock } from '../virtual-clock.ts'

function build() {
  const clock = new VirtualClock()
  return { clock, pdu: new PduModel('pdu', 4, clock) }
}

test('a relay follows its order, alone, and the order is recorded', () => {
  const { pdu } = build()
  pdu.order(2, 'off')
  expect([1, 2, 3, 4].map((outlet) => pdu.live(outlet))).toEqual([true, false, true, true])
  expect(pdu.shown(2)).toEqual({ position: 'off', pending: false })
  expect(pdu.orders.list().map(({ what }) => what)).toEqual([{ outlet: 2, to: 'off' }])
})

test('a stuck relay takes the order, stays live and shows it', () => {
  const { pdu } = build()
  pdu.setOutletFaults(1, { stuck: true })
  pdu.order(1, 'off')
  expect(pdu.live(1)).toBe(true)
  expect(pdu.shown(1).position).toBe('on')
})

test('a welded contact reads off while it stays live', () => {
  const { pdu } = build()
  pdu.setOutletFaults(1, { welded: true })
  pdu.order(1, 'off')
  expect(pdu.live(1)).toBe(true)
  expect(pdu.shown(1).position).toBe('off')
})

test('a slow relay is pending until it moves', () => {
  const { clock, pdu } = build()
  pdu.setOutletFaults(1, { slowMs: 500 })
  pdu.order(1, 'off')
  clock.advance(499)
  expect([pdu.live(1), pdu.shown(1)]).toEqual([true, { position: 'on', pending: true }])
  clock.advance(1)
  expect([pdu.live(1), pdu.shown(1)]).toEqual([false, { position: 'off', pending: false }])
})

test('a later order replaces one that a slow relay has not carried out', () => {
  const { clock, pdu } = build()
  pdu.setOutletFaults(1, { slowMs: 500 })
  pdu.order(1, 'off')
  clock.advance(100)
  pdu.order(1, 'on')
  clock.advance(1_000)
  expect(pdu.live(1)).toBe(true)
})

test('an outlet that does not exist is an error with its range', () => {
  expect(() => build().pdu.live(5)).toThrow('pdu has no outlet 5: 1–4')
})

const PLAN = [
  { server: 'A', supply: 0, pdu: 'p', outlet: 1 },
  { server: 'A', supply: 1, pdu: 'q', outlet: 1 },
  { server: 'B', supply: 0, pdu: 'p', outlet: 2 },
]

test('a wrong cable makes two outlets change places, and nothing else', () => {
  expect(runCables(PLAN, [{ pdu: 'p', outlet: 2, server: 'A' }])).toEqual([
    { server: 'A', supply: 0, pdu: 'p', outlet: 2 },
    { server: 'A', supply: 1, pdu: 'q', outlet: 1 },
    { server: 'B', supply: 0, pdu: 'p', outlet: 1 },
  ])
})

test('an unused outlet can take over a feed, and a swap with oneself changes nothing', () => {
  expect(runCables(PLAN, [{ pdu: 'q', outlet: 9, server: 'B' }])[2]).toMatchObject({
    pdu: 'q',
    outlet: 9,
  })
  expect(runCables(PLAN, [{ pdu: 'p', outlet: 1, server: 'A' }])).toEqual(PLAN)
})
