import { expect, test } from 'vitest'
import type { Body, JournalRecord } from '../../protocol/report.ts'
import { softResetTime } from '../../protocol/soft-reset-time.ts'

const ORDER = 'rst_0123456789abcdefghjkmnpqrs'
const SYSTEM = { cluster: 'db', number: 1, address: '192.168.0.1', port: 6001 }
const at = '2026-11-20T00:00:00.000000Z'
const mono = (ms: number, bootId = 'b1') => ({ bootId, ms })
const shot = (id: number, rung: 'soft' | 'hard' = 'soft') => {
  return { id, rung, device: { kind: 'bmc' }, action: rung === 'soft' ? 'nmi' : 'reset' } as const
}
const sent = (ms: number, id = 1): Body => {
  return { kind: 'intent', order: ORDER, shot: shot(id), mono: mono(ms) }
}
const noticed = (ms: number, bootId = 'b1'): Body => ({
  kind: 'noticed',
  order: ORDER,
  server: 'S1',
  system: SYSTEM,
  address: SYSTEM.address,
  port: 7410,
  mono: mono(ms, bootId),
})

function timeOf(...bodies: Body[]) {
  const chain = {
    v: 1,
    site: 's',
    agent: 'a',
    start: 1,
    epoch: 1,
    prev: '0'.repeat(64),
    at,
  } as const
  const records = bodies.map(
    (body, index): JournalRecord => ({ ...chain, seq: index + 1, ...body }),
  )
  return softResetTime(records)?.tookMs
}

test.each([
  ['from the interrupt to the first notice', [sent(100), noticed(1740.26), noticed(2740)], 1640.3],
  ['from the intent that was written last', [sent(100), sent(400), noticed(1400)], 1000],
  [
    'to a notice after the hard reset too',
    [
      sent(100),
      { kind: 'intent', order: ORDER, shot: shot(2, 'hard'), mono: mono(2600) },
      noticed(2700),
    ],
    2600,
  ],
] satisfies [string, Body[], number][])('is counted %s', (_, bodies, tookMs) => {
  expect(timeOf(...bodies)).toBe(tookMs)
})

const unreachable: Body = {
  kind: 'answer',
  order: ORDER,
  shot: 1,
  answer: 'unreachable',
  detail: '',
  mono: mono(120),
}

test.each([
  ['without an interrupt', [noticed(100)]],
  ['without a notice', [sent(100)]],
  ['of an interrupt that was never sent', [sent(100), unreachable, noticed(900)]],
  ['of a notice from before', [sent(100), noticed(90)]],
  ['over a boot of the management server', [sent(100), noticed(900, 'b2')]],
] satisfies [string, Body[]][])('is not known %s', (_, bodies) => {
  expect(timeOf(...bodies)).toBeUndefined()
})
