// The rungs that end a boot through the BMC and cannot be seen: diagnostic interrupt and hard reset.
import {
  LOOK_AFTER_MS,
  type Phase,
  type PowerLook,
  REORDERING_GRACE_MS,
  type Turn,
} from './ladder.ts'
import { enterOff } from './off-rung.ts'
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
