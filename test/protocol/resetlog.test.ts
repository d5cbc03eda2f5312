import { expect, test } from 'vitest'
import type { Body, JournalRecord } from '../../protocol/report.ts'
import { localTimeIn, resetLog } from '../../protocol/resetlog.ts'
import { BODIES, PLAN, REQUEST, RESET_ID, RESTORE_ID, recordsOf } from './order-samples.ts'

const tokyo = localTimeIn('Asia/Tokyo')
const mono = { bootId: 'b1', ms: 1 }

const withoutTime = (records: JournalRecord[]) =>
  [...resetLog(records, tokyo)].map((line) => line.replace(/^\[[^\]]*\] /, ''))

const shot = (
  id: number,
  rung: 'soft' | 'hard' | 'pdu' | 'on',
  action: 'nmi' | 'reset' | 'off' | 'on',
  pdu?: string,
  order = RESET_ID,
): Body[] => [
  {
    kind: 'intent',
    order,
    shot: { id, rung, action, device: pdu ? { kind: 'outlet', pdu, outlet: 3 } : { kind: 'bmc' } },
    mono,
  },
  { kind: 'answer', order, shot: id, answer: 'accepted', detail: '', mono },
]

const of = (...kinds: Body['kind'][]) => BODIES.filter(({ kind }) => kinds.includes(kind))

test('each of the five kinds has exactly its fields', () => {
  const records = recordsOf([
    ...of('accepted'),
    ...shot(1, 'soft', 'nmi'),
    ...of('noticed'),
    ...shot(2, 'hard', 'reset'),
    ...shot(3, 'pdu', 'off', 'pdu-b'),
    ...of('concluded'),
  ])
  const by = '192.168.0.102 6001 10002'
  expect(withoutTime(records)).toEqual([
    `RM-RESET PSERVER1 10001 RECV ${by} P ----`,
    `SOFTRESET PSERVER1 10001 SEND ${by} P`,
    `SOFTRESET PSERVER1 10001 RECV ${by} P`,
    'ATTENTION PSERVER1 10001 RECV 192.168.0.101 7410 10001 P DUMP',
    `HARDRESET PSERVER1 10001 SEND ${by} P`,
    `HARDRESET PSERVER1 10001 RECV ${by} P`,
    `IPDUSD PSERVER1 10001 SEND ${by} 192.168.1.102 3 OFF`,
    `IPDUSD PSERVER1 10001 RECV ${by} 192.168.1.102 3 OFF`,
    `RM-RESET PSERVER1 10001 SEND ${by} P DUMP`,
  ])
})

test('a line begins with local time to the microsecond', () => {
  const [line] = [...resetLog(recordsOf(of('accepted')), tokyo)]
  expect(line).toMatch(/^\[2026\/11\/20 10:02:03:000001\] RM-RESET /)
})

test('local midnight is hour 00 and summer time counts', () => {
  expect(tokyo('2026-11-19T15:00:00.123456Z')).toBe('2026/11/20 00:00:00:123456')
  const berlin = localTimeIn('Europe/Berlin')
  expect(berlin('2026-07-01T10:00:00.000000Z')).toBe('2026/07/01 12:00:00:000000')
  expect(berlin('2026-12-01T10:00:00.000000Z')).toBe('2026/12/01 11:00:00:000000')
  expect(() => localTimeIn('Mars/Olympus')).toThrow()
})

test('a hard reset is answered DUMP to the requester: its target has stopped', () => {
  const reboot = of('concluded').map((body) =>
    body.kind === 'concluded'
      ? { ...body, conclusion: { ...body.conclusion, result: 'REBOOT' as const } }
      : body,
  )
  const lines = withoutTime(recordsOf([...of('accepted'), ...reboot]))
  expect(lines.at(-1)).toMatch(/^RM-RESET .* DUMP$/)
})

test('what was never sent or never answered leaves no line', () => {
  const [intent] = shot(1, 'hard', 'reset')
  const said = (answer: 'lost' | 'unreachable'): Body[] => [
    ...of('accepted'),
    ...(intent ? [intent] : []),
    { kind: 'answer', order: RESET_ID, shot: 1, answer, detail: '', mono },
  ]
  expect(withoutTime(recordsOf(said('lost'))).slice(1)).toEqual([
    'HARDRESET PSERVER1 10001 SEND 192.168.0.102 6001 10002 P',
  ])
  expect(withoutTime(recordsOf(said('unreachable'))).slice(1)).toEqual([])
})

test('a request without a system or a requester shows ---- for each', () => {
  const { requester: _, system: __, ...request } = REQUEST
  const { system: ___, ...plan } = PLAN
  const records = recordsOf([
    { kind: 'accepted', order: RESET_ID, token: null, request, plan, mono },
    ...shot(1, 'hard', 'reset'),
  ])
  expect(withoutTime(records)).toEqual([
    'RM-RESET PSERVER1 ---- RECV ---- ---- ---- P ----',
    'HARDRESET PSERVER1 ---- SEND ---- ---- ---- P',
    'HARDRESET PSERVER1 ---- RECV ---- ---- ---- P',
  ])
})

test('a refused request is received and answered with its result', () => {
  expect(withoutTime(recordsOf(of('refused')))).toEqual([
    'RM-RESET PSERVER1 10001 RECV 192.168.0.102 6001 10002 ---- ----',
    'RM-RESET PSERVER1 10001 SEND 192.168.0.102 6001 10002 ---- FAIL',
  ])
})

test('a restore names its server and its outlets, and no requester', () => {
  const records = recordsOf([...of('operation'), ...shot(1, 'on', 'on', 'pdu-a', RESTORE_ID)])
  expect(withoutTime(records)).toEqual([
    'IPDUSD PSERVER1 ---- SEND ---- ---- ---- 192.168.1.101 3 ON',
    'IPDUSD PSERVER1 ---- RECV ---- ---- ---- 192.168.1.101 3 ON',
  ])
})

test('an order whose acceptance lies outside is filled from the context given', () => {
  const records = recordsOf(shot(1, 'hard', 'reset'))
  const contexts = new Map([[RESET_ID, { request: REQUEST, plan: PLAN }]])
  const [line] = [...resetLog(records, tokyo, contexts)]
  expect(line).toContain('HARDRESET PSERVER1 10001 SEND 192.168.0.102 6001 10002 P')
})

test('an instant that no calendar has stands as it was reported', () => {
  const instant = '2026-13-32T25:61:61.000000Z'
  expect(localTimeIn('UTC')(instant)).toBe(instant)
})
