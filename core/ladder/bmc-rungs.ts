// The rungs that go through the BMC: diagnostic interrupt, hard reset, power off.
import { isLoose } from '../shot.ts'
import {
  LOOK_AFTER_MS,
  OFF_READ_WITHIN_MS,
  type Phase,
  type PowerLook,
  REORDERING_GRACE_MS,
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
  lookAgainSoon,
  lookAtPower,
  note,
  provesOffAfterShot,
} from './turn.ts'

type PhaseOf<N extends Phase['name']> = Extract<Phase, { name: N }>

/** First rung that the plan asks for. The hard timer starts when the soft request starts. */
export function begin(turn: Turn): void {
  const { ladder, at } = turn
  const { plan, offOnly } = ladder
  if (plan.mode === 'pdu') return enterPdu(turn)
  if (plan.mode === 'hard') return enterHard(turn)
  if (plan.softMethod === 'none' || offOnly) {
    if (plan.mode !== 'soft') return enterHard(turn)
    const why = offOnly
      ? 'an earlier effect on this server is still unanswered: only power off is safe'
      : 'no soft method is set for this server'
    return fail(turn, 'failed', why)
  }
  const spared = ladder.spareDump || ladder.noticed
  const softAt = spared ? ladder.startedAt : at.ms
  ladder.phase = { name: 'soft', hardAt: softAt + plan.hardResetAfterMs }
  if (spared) note(turn, bmcSource(turn), 'no interrupt sent: a stop notice was just heard')
  else fire(turn, 'soft', BMC, 'nmi')
}

export function softAnswered(turn: Turn, answer: string, detail: string): void {
  if (answer !== 'refused' && answer !== 'unreachable') return
  note(turn, bmcSource(turn), `diagnostic interrupt ${answer}: ${detail}`)
  leaveSoft(turn, 'failed', `the diagnostic interrupt was ${answer}: ${detail}`)
}

export function softDue(turn: Turn, phase: PhaseOf<'soft'>): void {
  if (turn.at.ms < phase.hardAt) return
  leaveSoft(turn, 'unknown', `no stop notice within ${turn.ladder.plan.hardResetAfterMs} ms`)
}

function leaveSoft(turn: Turn, grade: 'unknown' | 'failed', why: string): void {
  if (turn.ladder.plan.mode === 'soft') fail(turn, grade, why)
  else enterHard(turn)
}

/** A stop notice while nothing was sent yet, or soft, or hard without an answer: the workload has ended. */
export function noticed(turn: Turn, address: string): void {
  const { ladder } = turn
  if (ladder.conclusion) return
  noteNotice(turn, address)
  if (ladder.plan.requireGrade === 'confirmed') return
  if (['look', 'soft', 'hard'].includes(ladder.phase.name)) concludeDump(turn)
}

/** Only the first is evidence: anyone can send more, and they must not fill the memory. */
export function noteNotice(turn: Turn, address: string): void {
  const { ladder } = turn
  const { system, server } = ladder.plan
  if (!ladder.noticed)
    note(turn, `system:${system?.number ?? server}`, `stop notice from ${address}`)
  ladder.noticed = true
}

export function concludeDump(turn: Turn): void {
  conclude(turn, { result: 'DUMP', fenced: true, grade: 'acknowledged' })
}

export function enterHard(turn: Turn): void {
  const { ladder, at } = turn
  const { plan } = ladder
  const confirmed = plan.hardMethod === 'off-on' || plan.requireGrade === 'confirmed'
  if (confirmed || ladder.offOnly) return enterOff(turn)
  const shot = fire(turn, 'hard', BMC, 'reset')
  ladder.phase = { name: 'hard', shot, until: at.ms + plan.hardResetTimeoutMs }
  ladder.lookAgainAt = at.ms + LOOK_AFTER_MS
}

export function hardAnswered(
  turn: Turn,
  phase: PhaseOf<'hard'>,
  answer: string,
  detail: string,
): void {
  const { plan } = turn.ladder
  if (answer === 'accepted') {
    note(turn, bmcSource(turn), 'hard reset accepted')
    return conclude(turn, { result: 'REBOOT', fenced: true, grade: 'acknowledged' })
  }
  if (answer === 'lost') return lookAtPower(turn)
  note(turn, bmcSource(turn), `hard reset ${answer}: ${detail}`)
  if (plan.feeds.length > 0) return enterPdu(turn)
  enterOff(turn, answer === 'unreachable' ? phase.until : undefined)
}

/** An answer to something asked after the reset shows that the BMC lives and its reply will not come. */
export function hardLooked(turn: Turn, phase: PhaseOf<'hard'>, look: PowerLook): void {
  const shot = findShot(turn, phase.shot)
  const ours = look.value !== 'silent' && look.identity !== 'mismatch'
  if (ours && shot && look.askedAt > shot.intendedAt) {
    if (phase.heardAt === undefined) turn.ladder.phase = { ...phase, heardAt: turn.at.ms }
    return
  }
  lookAgainSoon(turn)
}

export function hardDue(turn: Turn, phase: PhaseOf<'hard'>): void {
  const { ladder, at } = turn
  if (phase.heardAt !== undefined && at.ms >= phase.heardAt + REORDERING_GRACE_MS) {
    note(turn, bmcSource(turn), 'answers again, but not to the hard reset: its outcome is unknown')
    return enterOff(turn)
  }
  if (at.ms >= phase.until) {
    note(
      turn,
      bmcSource(turn),
      `silent for ${ladder.plan.hardResetTimeoutMs} ms after the hard reset`,
    )
    if (ladder.plan.feeds.length > 0) return enterPdu(turn)
    return fail(turn, 'unknown', 'the BMC did not answer the hard reset and PDU control is off')
  }
  if (phase.heardAt === undefined) lookAtPower(turn)
}

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

export function offAnswered(
  turn: Turn,
  phase: PhaseOf<'off'>,
  answer: string,
  detail: string,
): void {
  const { ladder, at } = turn
  note(turn, bmcSource(turn), `power off ${answer}${detail === '' ? '' : `: ${detail}`}`)
  switch (answer) {
    case 'accepted':
      ladder.phase = { ...phase, until: at.ms + OFF_READ_WITHIN_MS }
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

export function offLooked(turn: Turn, phase: PhaseOf<'off'>, look: PowerLook): void {
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
 * "Off" of a young session proves nothing yet; where no other rung is left, it is worth the wait. Once:
 * a BMC that keeps restarting must not keep the ladder open.
 */
function waitForSettledSession(turn: Turn, phase: PhaseOf<'off'>, look: PowerLook): void {
  if (phase.patient) return
  const settledAt = look.sessionOpenedAt + SESSION_SETTLED_MS + LOOK_AFTER_MS
  turn.ladder.phase = { ...phase, until: Math.max(phase.until, settledAt), patient: true }
}

export function offDue(turn: Turn, phase: PhaseOf<'off'>): void {
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
