// The rung that can be seen: power off by the BMC, then read off.
import { isLoose } from '../shot.ts'
import {
  LOOK_AFTER_MS,
  LOOK_AGAIN_MS,
  LOOK_TIMEOUT_MS,
  OFF_READ_WITHIN_MS,
  type Phase,
  type PowerLook,
  SESSION_SETTLED_MS,
  SWITCH_AGAIN_AFTER_MS,
  SWITCH_ATTEMPTS_MAX,
  type Turn,
} from './ladder.ts'
import { enterPdu } from './outlet-rung.ts'
import {
  BMC,
  bmcSource,
  conclude,
  fail,
  findShot,
  fire,
  lastIntentAt,
  lookAgainSoon,
  lookAtPower,
  note,
} from './turn.ts'

type OffPhase = Extract<Phase, { name: 'off' }>

/** Power off by the BMC, proven by reading it. `until` bounds the wait for a BMC that has no session. */
export function enterOff(turn: Turn, until?: number): void {
  const { ladder, at } = turn
  const next = ladder.plan.feeds.length > 0 && !ladder.feeds.some(({ cut }) => cut) ? 'pdu' : 'fail'
  if (ladder.offTried) return leaveOff(turn, next, 'power off by the BMC was tried before')
  ladder.offTried = true
  ladder.phase = {
    name: 'off',
    shot: fire(turn, 'off', BMC, 'off'),
    until: until ?? at.ms + ladder.plan.hardResetTimeoutMs,
    attempts: 1,
    next,
  }
  lookAgainSoon(turn)
}

export function offAnswered(turn: Turn, phase: OffPhase, answer: string, detail: string): void {
  const { ladder, at } = turn
  note(turn, bmcSource(turn), `power off ${answer}${detail === '' ? '' : `: ${detail}`}`)
  switch (answer) {
    case 'accepted':
      // A wait for a session to settle may have begun already: an answer can come after a look.
      ladder.phase = { ...phase, until: Math.max(patientUntil(phase), at.ms + OFF_READ_WITHIN_MS) }
      return lookAtPower(turn)
    case 'unreachable':
      if (phase.next === 'pdu') return enterPdu(turn)
      return lookAtPower(turn)
    case 'refused':
      // It may be off already, which only a look can tell.
      ladder.phase = { ...phase, until: Math.min(phase.until, at.ms + LOOK_AFTER_MS) }
      return lookAtPower(turn)
    default:
      return lookAtPower(turn)
  }
}

export function offLooked(turn: Turn, phase: OffPhase, look: PowerLook): void {
  const { ladder, at } = turn
  if (provesOffAfterShot(turn, look)) {
    note(turn, bmcSource(turn), 'power read off', look.readAt)
    return conclude(turn, { result: 'POFF', fenced: true, grade: 'confirmed' })
  }
  lookAgainSoon(turn)
  if (look.value === 'off' && phase.next === 'fail') waitForSettledSession(turn, phase, look)
  const shot = findShot(turn, phase.shot)
  if (!shot || look.value === 'silent' || look.askedAt <= shot.intendedAt) return
  if (shot.answer === 'refused' && look.value === 'on') {
    return leaveOff(turn, phase.next, 'the BMC refused to power off and power was read on')
  }
  const neverSent = shot.answer === 'unreachable'
  const didNotTake =
    isLoose(shot) && look.value === 'on' && look.askedAt >= shot.intendedAt + SWITCH_AGAIN_AFTER_MS
  if (phase.attempts >= SWITCH_ATTEMPTS_MAX || (!neverSent && !didNotTake)) return
  ladder.phase = {
    ...phase,
    shot: fire(turn, 'off', BMC, 'off'),
    attempts: phase.attempts + 1,
    until: Math.max(phase.until, at.ms + LOOK_AFTER_MS),
  }
}

/**
 * Whether a look shows that our own off took effect. A BMC that has just restarted may say "off" of a
 * running machine, so the same session must have read "on" before, or must have stood long enough.
 */
function provesOffAfterShot(turn: Turn, look: PowerLook): boolean {
  return (
    look.value === 'off' &&
    look.identity !== 'mismatch' &&
    look.askedAt > lastIntentAt(turn, BMC) &&
    (look.session === turn.ladder.onSession ||
      look.askedAt - look.sessionOpenedAt >= SESSION_SETTLED_MS)
  )
}

/**
 * "Off" of a young session proves nothing yet; where no other rung is left, it is worth the wait. Once:
 * a BMC that keeps restarting must not keep the ladder open.
 */
function waitForSettledSession(turn: Turn, phase: OffPhase, look: PowerLook): void {
  if (phase.patient) return
  // A slow BMC has to be asked once more behind that.
  const readBy = look.sessionOpenedAt + SESSION_SETTLED_MS + LOOK_AGAIN_MS + LOOK_TIMEOUT_MS
  turn.ladder.phase = { ...phase, until: Math.max(phase.until, readBy), patient: true }
}

function patientUntil({ patient, until }: OffPhase): number {
  return patient ? until : Number.NEGATIVE_INFINITY
}

export function offDue(turn: Turn, phase: OffPhase): void {
  if (turn.at.ms < phase.until) return lookAtPower(turn)
  const sent = findShot(turn, phase.shot)?.answer !== 'unreachable'
  const why = sent
    ? 'the BMC was told to power off and power was never read off'
    : 'there was no way to the BMC to power off'
  leaveOff(turn, phase.next, why)
}

function leaveOff(turn: Turn, next: 'pdu' | 'fail', why: string): void {
  note(turn, bmcSource(turn), why)
  if (next === 'pdu') return enterPdu(turn)
  const loose = turn.ladder.shots.some((shot) => shot.rung !== 'soft' && isLoose(shot))
  fail(turn, loose ? 'unknown' : 'failed', why)
}
