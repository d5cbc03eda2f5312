// Opens a PDU test and moves it: (state, input, moment) -> (state, actions).
import type { Course, Move } from '../course.ts'
import type { Action, Input, Moment, PowerLook } from '../ladder/ladder.ts'
import { readFeeds } from '../ladder/outlet-rung.ts'
import { lookAtOutlets, lookAtPower, noteSent, takeAnswer } from '../ladder/turn.ts'
import type { OperationEnding, Outlet } from '../operation.ts'
import { type ShotState, sameDevice } from '../shot.ts'
import type { LogLook } from '../supply-log.ts'
import { checked, enterCheck, lookAtLogs } from './check.ts'
import {
  blankPduTest,
  type DrillTurn,
  drillTurn,
  isSerial,
  type PduTest,
  type PduTestPlan,
  pduTestWakeAt,
  pduTestWants,
  WATCH_EVERY_MS,
} from './pdu-test.ts'
import {
  cutDue,
  cutLooked,
  endEarly,
  enterOn,
  failed,
  finish,
  notBackDue,
  onLooked,
  otherFeedOff,
  probe,
  restoringLooked,
} from './switching.ts'
import { judgeSettled, needsOthers, sayTroubles, takeLogs } from './wiring.ts'

/** Opens an accepted test; its first looks decide whether anything is cut at all. */
export function openPduTest(plan: PduTestPlan, at: Moment): Move {
  const turn = drillTurn(blankPduTest(plan, { name: 'ended' }), at)
  enterCheck(turn)
  return courseOf(turn.ladder, turn.actions)
}

/**
 * After a restart of the agent a test does not go on: what it had switched off comes back, and it ends. With a
 * reset under way that is the reset's part, or waits for its conclusion where the reset has no feeds.
 */
export function resumePduTest(
  plan: PduTestPlan,
  shots: readonly ShotState[],
  reset: { hasFeeds: boolean } | undefined,
  at: Moment,
): Move {
  const turn = drillTurn(blankPduTest(plan, { name: 'ended' }), at)
  const { ladder: test } = turn
  test.shots.push(...shots)
  for (const feed of test.feeds) {
    const device = { kind: 'outlet', pdu: feed.pdu, outlet: feed.outlet } as const
    const last = shots.findLast((shot) => sameDevice(shot.device, device))
    feed.cut = last !== undefined
    if (last) feed.shot = last.id
  }
  const ending: OperationEnding = {
    status: 'aborted',
    detail: 'the agent was started anew during the test',
  }
  if (!reset) endEarly(turn, ending)
  else if (reset.hasFeeds || !test.feeds.some(({ cut }) => cut)) finish(turn, ending)
  else yieldTo(turn, ending)
  return courseOf(turn.ladder, turn.actions)
}

function courseOf(test: PduTest, actions: Action[]): Move {
  const course: Course = {
    kind: 'pdu-test',
    order: test.order,
    server: test.server,
    leftOff: test.feeds
      .filter(({ cut }) => cut)
      .map(({ pdu, outlet }): Outlet => ({ pdu, outlet })),
    stops: !isSerial(test),
    wakeAt: pduTestWakeAt(test),
    wants: (shot) => pduTestWants(test, shot),
    step: (input, at) => {
      const turn = drillTurn(test, at)
      if (test.phase.name !== 'ended') take(turn, input)
      return courseOf(turn.ladder, turn.actions)
    },
  }
  return [course, actions]
}

function take(turn: DrillTurn, input: Input): void {
  const { ladder: test } = turn
  switch (input.type) {
    case 'sent':
      return noteSent(turn, input.shot)
    case 'answered': {
      const shot = test.shots.find(({ id }) => id === input.shot)
      if (shot) takeAnswer(shot, input.answer, input.detail)
      return
    }
    case 'power':
      test.lookingAtPower = false
      return lookedAtPower(turn, input.look)
    case 'outlets':
      test.lookingAtOutlets = Math.max(0, test.lookingAtOutlets - 1)
      readFeeds(turn, input.look)
      if (test.lookingAtOutlets === 0) lookedAtOutlets(turn)
      return
    case 'events':
      test.readingLogs = false
      return readLogs(turn, input.looks)
    case 'probed':
      test.probing = false
      return probed(turn, input.answered)
    case 'abort':
      return aborted(turn, input)
    case 'recorded':
      if (test.phase.name === 'yielding') endEarly(turn, test.phase.ending)
      return
    case 'tick':
      return tick(turn)
  }
}

function lookedAtOutlets(turn: DrillTurn): void {
  const { ladder: test } = turn
  const { phase } = test
  switch (phase.name) {
    case 'check':
      return checked(turn, { ...phase, outlets: true })
    case 'cut':
      return cutLooked(turn)
    case 'off':
    case 'settle':
    case 'wait':
      otherFeedOff(turn)
      return
    case 'on':
      return onLooked(turn, phase)
    case 'restoring':
      return restoringLooked(turn, phase)
  }
}

function lookedAtPower(turn: DrillTurn, look: PowerLook): void {
  const { ladder: test } = turn
  const { phase } = test
  if (phase.name === 'check') return checked(turn, { ...phase, power: look })
  if (isSerial(test) && look.value === 'off' && ['cut', 'off', 'settle'].includes(phase.name)) {
    const [outlet] = test.queue
    const lost = `${test.server} lost its power when ${outlet?.pdu}/${outlet?.outlet} was cut`
    endEarly(turn, { ...failed('server-off', lost), wiringProven: false })
  }
}

function readLogs(turn: DrillTurn, looks: readonly LogLook[]): void {
  const { ladder: test } = turn
  const fresh = takeLogs(test, looks)
  const { phase } = test
  if (phase.name === 'check') {
    const own = looks.find(({ server }) => server === test.server)
    const logs = { read: own?.read !== undefined, detail: own?.detail ?? '' }
    return checked(turn, { ...phase, logs })
  }
  test.events = [...test.events, ...fresh]
  if (looks.length > 1) test.othersRead = true
  if (phase.name === 'settle') return judgeSettled(turn, phase)
  if (phase.name !== 'off') return
  const troubled = new Set(test.troubles.map(({ sensor }) => sensor))
  if (troubled.size > 1) endEarly(turn, failed('supply-fault', sayTroubles(test) ?? ''))
}

function probed(turn: DrillTurn, answered: boolean): void {
  const { ladder: test, at } = turn
  const { phase } = test
  if (phase.name === 'off' && !answered) test.phase = { ...phase, gone: true }
  if (phase.name !== 'back') return
  if (!answered) {
    test.lookAgainAt = at.ms + WATCH_EVERY_MS
    return
  }
  if (phase.gone) return finish(turn, { status: 'done', detail: 'the BMC was gone and is back' })
  const detail = 'the BMC answered although every feed was read off: it has another supply'
  finish(turn, { ...failed('bmc-not-gone', detail), wiringProven: false })
}

/** Where the reset does not bring the feeds back itself, this test does, once the reset has concluded. */
function aborted(turn: DrillTurn, { detail, restore }: Extract<Input, { type: 'abort' }>): void {
  const ending: OperationEnding = { status: 'aborted', detail }
  if (restore && turn.ladder.feeds.some(({ cut }) => cut)) yieldTo(turn, ending)
  else finish(turn, ending)
}

function yieldTo({ ladder: test }: DrillTurn, ending: OperationEnding): void {
  delete test.lookAgainAt
  test.phase = { name: 'yielding', ending }
}

function tick(turn: DrillTurn): void {
  const { ladder: test, at } = turn
  if (test.lookAgainAt !== undefined && at.ms >= test.lookAgainAt) lookAgain(turn)
  const { phase } = test
  switch (phase.name) {
    case 'check':
      if (at.ms >= phase.until) finish(turn, failed('no-answer', 'the first looks took too long'))
      return
    case 'cut':
      if (at.ms >= phase.until) cutDue(turn)
      return
    case 'off':
      if (at.ms >= phase.onAt) enterOn(turn, phase.gone)
      return
    case 'on':
      if (at.ms >= phase.until) notBackDue(turn, failed('outlet-not-on', ''))
      return
    case 'settle':
      if (at.ms >= phase.until) judgeSettled(turn, phase)
      return
    case 'wait':
      if (at.ms >= phase.nextAt) enterCheck(turn)
      return
    case 'back':
      if (at.ms >= phase.until) bmcNotBack(turn)
      return
    case 'restoring':
      if (at.ms >= phase.until) notBackDue(turn, phase.ending)
      return
  }
}

function bmcNotBack(turn: DrillTurn): void {
  const detail = `the BMC of ${turn.ladder.server} did not come back with its feeds`
  turn.actions.push({ type: 'alarm', code: 'power-not-restored', detail })
  finish(turn, failed('bmc-not-back', detail))
}

function lookAgain(turn: DrillTurn): void {
  const { ladder: test, at } = turn
  delete test.lookAgainAt
  switch (test.phase.name) {
    case 'cut':
    case 'on':
    case 'restoring':
      return lookAtOutlets(turn)
    case 'off':
      test.lookAgainAt = at.ms + WATCH_EVERY_MS
      if (!isSerial(test)) return probe(turn)
      lookAtOutlets(turn)
      lookAtPower(turn)
      return lookAtLogs(turn, false)
    case 'settle':
      lookAtOutlets(turn)
      lookAtPower(turn)
      return lookAtLogs(turn, needsOthers(test))
    case 'back':
      return probe(turn)
  }
}
