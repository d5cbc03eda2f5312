// What a test looks at before every cut: all outlets on, and for serial the server on and its supplies good.
import { lookAtOutlets, lookAtPower } from '../ladder/turn.ts'
import type { OperationEnding } from '../operation.ts'
import type { LogQuestion } from '../supply-log.ts'
import {
  CHECK_WITHIN_MS,
  type DrillTurn,
  isSerial,
  LOG_TIMEOUT_MS,
  NEW_EVENTS_TIMEOUT_MS,
  type PduTest,
  type Phase,
} from './pdu-test.ts'
import { enterCut, failed, finish, named } from './switching.ts'
import { sayTroubles } from './wiring.ts'

type CheckPhase = Extract<Phase, { name: 'check' }>

export function enterCheck(turn: DrillTurn): void {
  const { ladder: test, at } = turn
  test.phase = { name: 'check', until: at.ms + CHECK_WITHIN_MS }
  lookAtOutlets(turn)
  lookAtPower(turn)
  if (isSerial(test)) lookAtLogs(turn, true)
}

/**
 * The server's log from its beginning once, so that troubles of long ago are known; the others from their end,
 * and only when they are needed: there may be a thousand of them.
 */
export function lookAtLogs(turn: DrillTurn, others: boolean): void {
  const { ladder: test, actions } = turn
  if (test.readingLogs) return
  test.readingLogs = true
  const first = test.logEnds[test.server] === undefined
  const question = (server: string, at: 'all' | 'end'): LogQuestion => {
    const after = test.logEnds[server]
    return { server, from: after === undefined ? at : { after } }
  }
  const asked = others ? test.others.map((name) => question(name, 'end')) : []
  actions.push({
    type: 'look-at-events',
    logs: [question(test.server, 'all'), ...asked],
    timeoutMs: first ? LOG_TIMEOUT_MS : NEW_EVENTS_TIMEOUT_MS,
  })
}

/** Judges once everything has been looked at. */
export function checked(turn: DrillTurn, phase: CheckPhase): void {
  const { ladder: test } = turn
  test.phase = phase
  const { outlets, power, logs } = phase
  if (!outlets || !power || !(logs || !isSerial(test))) return
  const fault = outletFault(test) ?? powerFault(test, power) ?? logFault(test, logs)
  if (fault) finish(turn, fault)
  else enterCut(turn)
}

function outletFault({ feeds }: PduTest): OperationEnding | undefined {
  const off = feeds.filter(({ value }) => value !== 'on')
  if (off.length === 0) return undefined
  return failed('outlet-not-on', `nothing more is cut: ${named(off)}`)
}

function powerFault(
  test: PduTest,
  { value, identity, detail }: NonNullable<CheckPhase['power']>,
): OperationEnding | undefined {
  if (value === 'silent' || identity === 'mismatch') {
    return failed('link-down', `the BMC of ${test.server} does not answer: ${detail}`)
  }
  if (value === 'on' || !isSerial(test)) return undefined
  return failed('server-off', `${test.server} is not read on: ${detail}`)
}

function logFault(test: PduTest, logs: CheckPhase['logs']): OperationEnding | undefined {
  if (logs && !logs.read) {
    return failed('log-unreadable', `the event log of ${test.server}: ${logs.detail}`)
  }
  const trouble = sayTroubles(test)
  return trouble === undefined ? undefined : failed('supply-fault', trouble)
}
