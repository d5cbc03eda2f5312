import { describe, expect, test } from 'vitest'
import { resetSchema, type ShownReset, type ShownStep } from '../../cli/answers.ts'
import { exitOf, finalText, stepLine } from '../../cli/follow-reset.ts'
import { makePaint } from '../../cli/paint.ts'

const CALL = { paint: makePaint({ env: {}, isTerminal: false }) }
const START = '2026-01-31T09:00:00.000100Z'

function reset(changes: Partial<ShownReset>): ShownReset {
  return resetSchema.parse({
    id: 'rst_1',
    site: 'lab',
    server: 'P1',
    system: null,
    mode: 'ladder',
    reason: 'drill',
    requestedBy: 'key:ci',
    status: 'accepted',
    result: null,
    fenced: false,
    grade: null,
    evidence: [],
    recovery: 'none',
    requestedAt: START,
    fencedAt: null,
    endedAt: null,
    steps: [],
    ...changes,
  })
}

function step(changes: Partial<ShownStep>): ShownStep {
  const common = { seq: 1, kind: 'IPDUSD', direction: 'SEND', at: START, agent: 'HACON1' }
  return { ...common, detail: { error: null }, ...changes }
}

describe('exit code', () => {
  test.each<[number, Partial<ShownReset>]>([
    [0, { status: 'complete', result: 'POFF', fenced: true, grade: 'confirmed' }],
    // "Complete" without proof is not fenced, whatever else is said.
    [1, { status: 'complete', result: 'REBOOT', fenced: false }],
    [1, { status: 'failed', result: 'FAIL' }],
    [3, { status: 'refused' }],
    [3, { status: 'refused', result: 'ERROR' }],
    [4, { status: 'accepted' }],
    [4, { status: 'hard' }],
    [4, { status: 'unknown' }],
    [4, { status: 'something-new', fenced: true }],
  ])('%i for %j', (exit, changes) => {
    expect(exitOf(reset(changes))).toBe(exit)
  })
})

describe('a step is one line', () => {
  test.each<[string, Partial<ShownStep>]>([
    [
      '+2503.4 ms  HARDRESET  SEND  reset',
      {
        kind: 'HARDRESET',
        at: '2026-01-31T09:00:02.503500Z',
        detail: { action: 'reset', error: null },
      },
    ],
    [
      '+0.0 ms  IPDUSD     SEND  pdu-a outlet 3 OFF',
      { detail: { pdu: 'pdu-a', outlet: 3, switch: 'OFF', error: null } },
    ],
    [
      '+0.0 ms  IPDUSD     RECV  pdu-a outlet 3 OFF, error: refused',
      { direction: 'RECV', detail: { pdu: 'pdu-a', outlet: 3, switch: 'OFF', error: 'refused' } },
    ],
    [
      '+0.0 ms  ATTENTION  SEND  REBOOT, to 10.0.0.2 port 6001',
      {
        kind: 'ATTENTION',
        detail: { state: 'REBOOT', address: '10.0.0.2', port: 6001, number: null, error: null },
      },
    ],
    [
      '+0.0 ms  ATTENTION  RECV  DUMP, from 10.0.0.1 port 9, system 10001',
      {
        kind: 'ATTENTION',
        direction: 'RECV',
        detail: { state: 'DUMP', address: '10.0.0.1', port: 9, number: 10_001, error: null },
      },
    ],
    ['+0.0 ms  RM-RESET   RECV', { kind: 'RM-RESET', direction: 'RECV' }],
    ['+0.0 ms  IPDUSD     SEND  error: \ufffd[2J', { detail: { error: '\u001b[2J' } }],
  ])('%s', (line, changes) => {
    expect(stepLine(step(changes), START, CALL).trimStart()).toBe(line)
  })
})

test('the last lines say result, proof, reason, evidence and recovery', () => {
  const evidence = [{ source: 'pdu:pdu-a/3', said: 'read off', at: START }]
  const steps = [
    step({}),
    step({ kind: 'RM-RESET', at: '2026-01-31T09:00:07.000600Z' }),
    step({ at: '2026-01-31T09:00:09.000600Z' }),
  ]
  const done = { status: 'complete', result: 'POFF', fenced: true, grade: 'confirmed' }
  expect(finalText(reset({ ...done, evidence, recovery: 'waiting', steps }), CALL)).toBe(`\
P1: complete, POFF, fenced, grade confirmed, 7000.5 ms
  evidence  pdu:pdu-a/3: read off (${START})
  recovery  waiting`)
  const failed = {
    status: 'failed',
    result: 'FAIL',
    detail: 'outlet pdu-a/3 stays on',
    recovery: 'held',
  }
  expect(finalText(reset(failed), CALL)).toBe(`\
P1: failed, FAIL, NOT fenced
  why       outlet pdu-a/3 stays on
  recovery  held`)
})
