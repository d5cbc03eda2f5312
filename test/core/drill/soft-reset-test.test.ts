import { expect, test } from 'vitest'
import { judgePduTest, judgeSoftResetTest } from '../../../core/drill/preconditions.ts'
import { openSoftResetTest, resumeSoftResetTest } from '../../../core/drill/soft-reset-test.ts'
import type { Input } from '../../../core/ladder/ladder.ts'

const at = (ms: number) => ({ ms, wall: '2026-11-20T00:00:00.000000Z' })
const answered = (answer: 'accepted' | 'refused' | 'unreachable' | 'lost'): Input => {
  return { type: 'answered', shot: 1, answer, detail: 'CCh' }
}

function play(...inputs: [number, Input][]) {
  let [course, actions] = openSoftResetTest('opr_1', 'S1', at(0))
  for (const [ms, input] of inputs) {
    const [next, more] = course.step(input, at(ms))
    course = next
    actions = [...actions, ...more]
  }
  const fired = actions.flatMap((action) => (action.type === 'fire' ? [action.shot.action] : []))
  const endings = actions.flatMap((action) => (action.type === 'finish' ? [action.ending] : []))
  return { course, fired, endings }
}

const notice: Input = { type: 'notice', address: '192.168.0.101' }

test('one interrupt is sent, and the stop notice ends the test with the time it took', () => {
  const { fired, endings } = play([20, answered('accepted')], [1640, notice], [2640, notice])
  expect(fired).toEqual(['nmi'])
  expect(endings).toEqual([
    { status: 'done', detail: 'stop notice from 192.168.0.101 after 1640 ms' },
  ])
})

test('a lost reply is waited out; nothing harder is ever sent', () => {
  const { fired, endings } = play(
    [800, answered('lost')],
    [59_999, { type: 'tick' }],
    [60_000, { type: 'tick' }],
  )
  expect(fired).toEqual(['nmi'])
  expect(endings).toMatchObject([{ status: 'failed', code: 'no-stop-notice' }])
})

test.each(['refused', 'unreachable'] as const)(
  'an interrupt that was %s ends it at once',
  (answer) => {
    expect(play([20, answered(answer)]).endings).toMatchObject([
      { status: 'failed', code: `soft-reset-${answer}` },
    ])
  },
)

test('a reset ends it at once, and nothing not yet sent goes out', () => {
  const { course, endings } = play([1, { type: 'abort', detail: 'a reset', restore: false }])
  expect(endings).toEqual([{ status: 'aborted', detail: 'a reset' }])
  expect(course.wants(1)).toBe(false)
  expect(course.wakeAt).toBeUndefined()
})

test('after a restart of the agent no second interrupt is sent', () => {
  const [course, actions] = resumeSoftResetTest('opr_1', 'S1', at(0))
  expect(actions.map(({ type }) => type)).toEqual(['finish', 'end'])
  expect(course.wants(1)).toBe(false)
})

const SERVER = { server: 'S1', bmcLink: 'up', power: 'on', underWay: [] as string[] } as const
const A = { pdu: 'a', outlet: 1, pduLink: 'up', value: 'on' } as const
const B = { ...A, pdu: 'b' }
const FEEDS = [A, B]
const SETTINGS = { mode: 'serial', offTimeMs: 5000, waitTimeMs: 5000, leaveUp: false } as const

test.each([
  ['an outlet that is off', {}, [A, { ...B, value: 'off' }], {}, 'outlet-not-on'],
  ['a PDU that is not reached', {}, [A, { ...B, pduLink: 'down' }], {}, 'link-down'],
  ['a BMC that is not reached', { bmcLink: 'down' }, FEEDS, {}, 'link-down'],
  ['a single feed in serial', {}, [A], {}, 'too-few-feeds'],
  ['no feed', {}, [], {}, 'no-feeds'],
  ['a PDU of others', {}, FEEDS, { pdu: 'c' }, 'unknown-pdu'],
  ['one PDU in mode same', {}, FEEDS, { mode: 'same', pdu: 'a' }, 'invalid-test'],
  ['a server that is off', { power: 'off' }, FEEDS, {}, 'server-off'],
  ['an open reset', { underWay: ['reset'] }, FEEDS, {}, 'reset-in-progress'],
  ['a running restore', { underWay: ['restore'] }, FEEDS, {}, 'operation-in-progress'],
  ['a PDU test of another server', { otherTest: 'S2' }, FEEDS, {}, 'test-in-progress'],
  ['registered systems in mode same', {}, FEEDS, { mode: 'same' }, 'systems-registered'],
  ['nothing in the way', {}, FEEDS, {}, undefined],
  ['systems left up on purpose', {}, FEEDS, { mode: 'same', leaveUp: true }, undefined],
] as const)('a PDU test with %s is judged so', (_, server, feeds, settings, code) => {
  const tested = { ...SERVER, ...server }
  expect(judgePduTest(tested, feeds, { ...SETTINGS, ...settings }, [10001])?.code).toBe(code)
})

test.each([
  ['no soft method', { softMethod: 'none' }, 'no-soft-method'],
  ['an effect without an answer', { loose: true }, 'effect-loose'],
  ['a notice just heard', { recentNotice: true }, 'dump-in-progress'],
  ['nothing in the way', {}, undefined],
] as const)('a soft-reset test with %s is judged so', (_, known, code) => {
  const usual = { softMethod: 'nmi', loose: false, recentNotice: false } as const
  expect(judgeSoftResetTest(SERVER, { ...usual, ...known })?.code).toBe(code)
})
