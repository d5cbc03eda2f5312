// The few moves that every rung shares.
import type { Conclusion, Recovery } from '../outcome.ts'
import {
  type Device,
  type Rung,
  type Shot,
  type ShotAnswer,
  type ShotState,
  sameDevice,
} from '../shot.ts'
import {
  type Bench,
  CUT_SILENCE_MS,
  type FeedState,
  type Ladder,
  LOOK_AGAIN_MS,
  LOOK_TIMEOUT_MS,
  type Moment,
  type Turn,
} from './ladder.ts'

export const BMC: Device = { kind: 'bmc' }

/** A turn that works on its own copy. What is not copied here is replaced, never changed. */
export function turnOf(ladder: Ladder, at: Moment): Turn {
  const copy: Ladder = {
    ...ladder,
    shots: ladder.shots.map((shot) => ({ ...shot })),
    feeds: ladder.feeds.map((feed) => ({ ...feed })),
    evidence: [...ladder.evidence],
  }
  return { ladder: copy, at, actions: [] }
}

export function fire(turn: Bench, rung: Rung, device: Device, action: Shot['action']): number {
  const { ladder, at } = turn
  // Not the count: an intent that died with an earlier agent leaves a gap in the journal.
  const id = 1 + Math.max(0, ...ladder.shots.map((shot) => shot.id))
  const shot: Shot = { id, rung, device, action }
  ladder.shots.push({ ...shot, intendedAt: at.ms })
  turn.actions.push({ type: 'fire', shot })
  return shot.id
}

export function findShot(turn: Bench, id: number | undefined): ShotState | undefined {
  return turn.ladder.shots.find((shot) => shot.id === id)
}

export function noteSent(turn: Bench, id: number): void {
  const shot = findShot(turn, id)
  if (shot) shot.intendedAt = turn.at.ms
}

/**
 * Writes down what became of a shot; false when it was known. The first word counts, but a device's own
 * word, however late, replaces our giving up on it.
 */
export function takeAnswer(shot: ShotState, answer: ShotAnswer, detail: string): boolean {
  const own = answer === 'accepted' || answer === 'refused'
  if (shot.answer !== undefined && !(shot.answer === 'lost' && own)) return false
  shot.answer = answer
  shot.detail = detail
  return true
}

/** The newest effect sent, or being sent, to a device: only a question asked after it is a look at it. */
export function lastIntentAt(turn: Bench, device: Device): number {
  const sent = turn.ladder.shots.filter(
    (shot) => sameDevice(shot.device, device) && shot.answer !== 'unreachable',
  )
  return sent.at(-1)?.intendedAt ?? Number.NEGATIVE_INFINITY
}

export function lookAtPower(turn: Bench): void {
  const { ladder } = turn
  if (ladder.lookingAtPower) return
  ladder.lookingAtPower = true
  turn.actions.push({ type: 'look-at-power', timeoutMs: LOOK_TIMEOUT_MS })
}

export function lookAtOutlets(turn: Bench): void {
  const { ladder } = turn
  if (ladder.lookingAtOutlets > 0) return
  const byPdu = new Map<string, number[]>()
  for (const { pdu, outlet } of ladder.feeds) byPdu.set(pdu, [...(byPdu.get(pdu) ?? []), outlet])
  for (const [pdu, outlets] of byPdu) {
    ladder.lookingAtOutlets += 1
    turn.actions.push({ type: 'look-at-outlets', pdu, outlets, timeoutMs: LOOK_TIMEOUT_MS })
  }
}

export function probeAfterCut(turn: Turn): void {
  turn.ladder.probing = true
  turn.actions.push({ type: 'probe', timeoutMs: CUT_SILENCE_MS })
}

export function lookAgainSoon(turn: Bench): void {
  turn.ladder.lookAgainAt = turn.at.ms + LOOK_AGAIN_MS
}

export function note(turn: Turn, source: string, said: string, at = turn.at.wall): void {
  turn.ladder.evidence.push({ source, said, at })
}

export function bmcSource(turn: Turn): string {
  return `bmc:${turn.ladder.plan.server}`
}

export function feedName({ pdu, outlet }: Pick<FeedState, 'pdu' | 'outlet'>): string {
  return `${pdu}/${outlet}`
}

/** Ends the search for a result. What is announced waits until the record of it is durable. */
export function conclude(turn: Turn, conclusion: Omit<Conclusion, 'evidence'>): void {
  const { ladder } = turn
  ladder.conclusion = { ...conclusion, evidence: ladder.evidence }
  ladder.phase = { name: 'recording' }
  delete ladder.lookAgainAt
  turn.actions.push({ type: 'conclude', conclusion: ladder.conclusion })
}

/**
 * Nothing proves that the server has stopped: never complete on unknown. Unless the hard reset was accepted
 * after all, when the ladder had gone on: then that boot has ended, whatever the later rungs could show.
 */
export function fail(turn: Turn, grade: 'unknown' | 'failed', detail: string): void {
  const late = turn.ladder.shots.some(
    ({ rung, answer }) => rung === 'hard' && answer === 'accepted',
  )
  if (late) {
    note(turn, bmcSource(turn), 'hard reset accepted late')
    return conclude(turn, { result: 'REBOOT', fenced: true, grade: 'acknowledged', detail })
  }
  conclude(turn, { result: 'FAIL', fenced: false, grade, detail })
}

export function recover(turn: Turn, recovery: Recovery, detail: string): void {
  turn.ladder.recovery = recovery
  turn.actions.push({ type: 'recover', recovery, detail })
}

export function end(turn: Turn): void {
  turn.ladder.phase = { name: 'ended' }
  delete turn.ladder.lookAgainAt
  turn.actions.push({ type: 'end' })
}
