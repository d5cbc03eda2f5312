import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Body } from '../../protocol/report.ts'
import { foldOperation, foldReset } from '../../protocol/reset-view.ts'
import {
  BODIES,
  PLAN,
  REQUEST,
  RESET_ID,
  RESET_ORDER,
  RESTORE_ID,
  RESTORE_ORDER,
  recordsOf,
} from './order-samples.ts'

const mono = { bootId: 'b1', ms: 1 }
const bmc = { kind: 'bmc' } as const
const outlet = (pdu: string) => ({ kind: 'outlet', pdu, outlet: 3 }) as const

const accepted: Body = {
  kind: 'accepted',
  order: RESET_ID,
  token: null,
  request: REQUEST,
  plan: PLAN,
  mono,
}
const intent = (
  id: number,
  rung: 'soft' | 'hard' | 'off' | 'pdu' | 'on',
  action: 'nmi' | 'reset' | 'off' | 'on',
  device: typeof bmc | ReturnType<typeof outlet> = bmc,
  order = RESET_ID,
): Body => ({ kind: 'intent', order, shot: { id, rung, device, action }, mono })
const answer = (
  shot: number,
  said: 'accepted' | 'refused' | 'lost' | 'unreachable',
  detail = '',
  order = RESET_ID,
): Body => ({ kind: 'answer', order, shot, answer: said, detail, mono })
const concluded = (
  result: 'DUMP' | 'REBOOT' | 'POFF' | 'FAIL',
  fenced: boolean,
  grade: 'acknowledged' | 'confirmed' | 'failed' = 'acknowledged',
): Body => ({
  kind: 'concluded',
  order: RESET_ID,
  conclusion: {
    result,
    fenced,
    grade,
    evidence: [],
    ...(fenced ? {} : { detail: 'outlet stuck' }),
  },
  mono,
})

/** SOFT lost, HARD lost, both feeds off, both on again. */
const POFF: Body[] = [
  accepted,
  intent(1, 'soft', 'nmi'),
  answer(1, 'lost'),
  intent(2, 'hard', 'reset'),
  answer(2, 'refused', 'busy'),
  intent(3, 'pdu', 'off', outlet('pdu-a')),
  intent(4, 'pdu', 'off', outlet('pdu-b')),
  answer(3, 'accepted'),
  answer(4, 'accepted'),
  concluded('POFF', true, 'confirmed'),
  { kind: 'recovery', order: RESET_ID, recovery: 'waiting', detail: '', mono },
  intent(5, 'on', 'on', outlet('pdu-a')),
  answer(5, 'accepted'),
  { kind: 'recovery', order: RESET_ID, recovery: 'restored', detail: '', mono },
  { kind: 'ended', order: RESET_ID },
]

const lines = (bodies: Body[]) =>
  foldReset(recordsOf(bodies))?.steps.map(({ kind, direction, detail }) => {
    const { error, pdu, state, action } = detail
    return [kind, direction, pdu ?? state ?? action ?? '', detail.switch ?? '', error ?? '']
      .filter((word) => word !== '')
      .join(' ')
  })

test('a ladder that went to the outlets shows every step in its order', () => {
  expect(lines(POFF)).toEqual([
    'RM-RESET RECV',
    'SOFTRESET SEND',
    'HARDRESET SEND reset',
    'HARDRESET RECV reset busy',
    'IPDUSD SEND pdu-a OFF',
    'IPDUSD SEND pdu-b OFF',
    'IPDUSD RECV pdu-a OFF',
    'IPDUSD RECV pdu-b OFF',
    'RM-RESET SEND POFF',
    'IPDUSD SEND pdu-a ON',
    'IPDUSD RECV pdu-a ON',
  ])
})

test('the reset has exactly the fields that scripts rely on', () => {
  const { steps, ...view } = foldReset(recordsOf(POFF)) ?? { steps: [] }
  expect(view).toEqual({
    id: RESET_ID,
    site: 'tokyo1',
    server: 'PSERVER1',
    system: 10001,
    kind: 'P',
    mode: 'ladder',
    reason: 'heartbeat lost',
    requestedBy: 'system:db/10002',
    requester: 10002,
    status: 'complete',
    result: 'POFF',
    fenced: true,
    grade: 'confirmed',
    evidence: [],
    recovery: 'restored',
    requestedAt: '2026-11-20T01:02:02.500000Z',
    fencedAt: '2026-11-20T01:02:03.000010Z',
    endedAt: '2026-11-20T01:02:03.000015Z',
    code: null,
    detail: null,
  })
  expect(steps[4]).toEqual({
    seq: 5,
    kind: 'IPDUSD',
    direction: 'SEND',
    at: '2026-11-20T01:02:03.000006Z',
    agent: 'HACON1',
    detail: { pdu: 'pdu-a', outlet: 3, switch: 'OFF', error: null },
  })
})

test('records in any order, and any of them twice, give the same reset', () => {
  const records = recordsOf(POFF)
  const whole = foldReset(records)
  fc.assert(
    fc.property(
      fc.shuffledSubarray(records, { minLength: records.length }),
      fc.shuffledSubarray(records),
      (shuffled, copies) => {
        expect(foldReset([...copies, ...shuffled])).toEqual(whole)
      },
    ),
  )
})

describe('status', () => {
  test.each([
    ['accepted', POFF.slice(0, 1)],
    ['soft', POFF.slice(0, 2)],
    ['hard', POFF.slice(0, 4)],
    ['hard', [accepted, intent(1, 'off', 'off')]],
    ['pduOff', POFF.slice(0, 6)],
    ['complete', POFF],
    ['failed', [accepted, concluded('FAIL', false, 'failed')]],
  ])('is %s', (status, bodies) => {
    expect(foldReset(recordsOf(bodies))?.status).toBe(status)
  })

  test('nothing but a conclusion that says fenced makes a reset fenced', () => {
    for (let count = 1; count < POFF.length; count += 1) {
      const view = foldReset(recordsOf(POFF.slice(0, count)))
      expect(view?.fenced).toBe(count >= 10)
      expect(view?.fencedAt === null).toBe(count < 10)
    }
  })

  test('of two conclusions that of the higher epoch counts, whichever came first', () => {
    const old = recordsOf([accepted, concluded('FAIL', false, 'failed')], 'HACON1', 1)
    const successor = recordsOf([concluded('POFF', true, 'confirmed')], 'HACON2', 2)
    expect(foldReset([...successor, ...old])?.result).toBe('POFF')
    const late = recordsOf([accepted, concluded('REBOOT', true)], 'HACON1', 1)
    const failed = recordsOf([concluded('FAIL', false, 'failed')], 'HACON2', 2)
    expect(foldReset([...late, ...failed])?.fenced).toBe(false)
  })
})

test('a failure carries its reason and no grade that scripts do not know', () => {
  expect(foldReset(recordsOf([accepted, concluded('FAIL', false, 'failed')]))).toMatchObject({
    result: 'FAIL',
    grade: null,
    detail: 'outlet stuck',
    fencedAt: null,
  })
  expect(lines([accepted, concluded('FAIL', false, 'failed')])?.at(-1)).toBe(
    'RM-RESET SEND FAIL outlet stuck',
  )
})

test('a lost reply is never shown as received, and an effect never sent says so', () => {
  expect(lines([accepted, intent(1, 'hard', 'reset'), answer(1, 'lost', 'gone')])).toEqual([
    'RM-RESET RECV',
    'HARDRESET SEND reset',
  ])
  expect(lines([accepted, intent(1, 'hard', 'reset'), answer(1, 'unreachable', 'cold')])).toEqual([
    'RM-RESET RECV',
    'HARDRESET SEND reset not sent: cold',
  ])
})

test('an intent that was written again is one effect, sent at the last of them', () => {
  const bodies = [accepted, intent(1, 'hard', 'reset'), intent(1, 'hard', 'reset')]
  expect(lines(bodies)).toEqual(['RM-RESET RECV', 'HARDRESET SEND reset'])
  expect(foldReset(recordsOf(bodies))?.steps[1]?.at).toBe('2026-11-20T01:02:03.000003Z')
})

test('power off and on by the BMC are hard resets that name their action', () => {
  const bodies = [accepted, intent(1, 'off', 'off'), answer(1, 'accepted'), intent(2, 'on', 'on')]
  expect(lines(bodies)).toEqual([
    'RM-RESET RECV',
    'HARDRESET SEND off',
    'HARDRESET RECV off',
    'HARDRESET SEND on',
  ])
})

test('a stop notice names the system that stopped', () => {
  const notice = BODIES.find(({ kind }) => kind === 'noticed')
  const steps = foldReset(recordsOf([accepted, ...(notice ? [notice] : [])]))?.steps
  expect(steps?.at(-1)).toMatchObject({
    kind: 'ATTENTION',
    direction: 'RECV',
    detail: { state: 'DUMP', address: '192.168.0.101', port: 7410, number: 10001 },
  })
})

test('a refusal ends the reset with its code, result and reason', () => {
  const refused = BODIES.filter(({ kind }) => kind === 'refused')
  expect(foldReset(recordsOf(refused))).toMatchObject({
    status: 'refused',
    result: 'FAIL',
    code: 'pair-guard',
    detail: 'the partner has an open ladder',
    fenced: false,
    endedAt: '2026-11-20T01:02:03.000001Z',
  })
  expect(lines(refused)).toEqual([
    'RM-RESET RECV',
    'RM-RESET SEND FAIL the partner has an open ladder',
  ])
})

test('a refused second copy does not hide a reset that acted', () => {
  const refused = BODIES.filter(({ kind }) => kind === 'refused')
  expect(foldReset(recordsOf([...POFF, ...refused]))).toMatchObject({ status: 'complete' })
  expect(lines([...POFF, ...refused])).toEqual(lines(POFF))
  expect(foldReset(recordsOf([...refused, intent(1, 'hard', 'reset')]), RESET_ORDER)).toMatchObject(
    { status: 'hard' },
  )
})

test('an order that no agent has told of yet is accepted; nothing at all is no reset', () => {
  expect(foldReset([], RESET_ORDER)).toMatchObject({ id: RESET_ID, status: 'accepted', steps: [] })
  expect(foldReset([])).toBeUndefined()
})

test('a restore runs, shows its outlets, and ends as its agent says', () => {
  const operation = BODIES.filter(({ kind }) => kind === 'operation')
  const running = [
    ...operation,
    intent(1, 'on', 'on', outlet('pdu-a'), RESTORE_ID),
    answer(1, 'accepted', '', RESTORE_ID),
  ]
  expect(foldOperation(recordsOf(running))).toMatchObject({
    id: RESTORE_ID,
    server: 'PSERVER1',
    status: 'running',
    endedAt: null,
    steps: [
      { kind: 'IPDUSD', direction: 'SEND', detail: { switch: 'ON', pdu: 'pdu-a' } },
      { kind: 'IPDUSD', direction: 'RECV' },
    ],
  })
  const ended: Body = { kind: 'operation-ended', order: RESTORE_ID, status: 'failed', detail: 'no' }
  expect(foldOperation(recordsOf([...running, ended]))).toMatchObject({
    status: 'failed',
    detail: 'no',
  })
  expect(foldOperation([], RESTORE_ORDER)).toMatchObject({ status: 'running', steps: [] })
})

test('any mixture of records folds without a crash', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...BODIES), { maxLength: 30 }), (bodies) => {
      const view = foldReset(recordsOf(bodies))
      expect(view === undefined || view.steps.every((step, at) => step.seq === at + 1)).toBe(true)
      foldOperation(recordsOf(bodies))
    }),
  )
})
