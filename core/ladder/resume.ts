// Rebuilds an open ladder from its journal, after a restart or by a successor: it looks first, behind a
// barrier, and never gives a soft or hard reset a second time (spec redundancy.md, "takeover").
import type { Conclusion, Recovery } from '../outcome.ts'
import type { Plan } from '../plan.ts'
import type { Shot, ShotAnswer } from '../shot.ts'
import { begin, enterHard, enterOff } from './bmc-rungs.ts'
import {
  type Action,
  type Ladder,
  LOOK_AFTER_MS,
  type Moment,
  OFF_READ_WITHIN_MS,
  OUTLETS_READ_WITHIN_MS,
  POWER_ON_ATTEMPTS_MAX,
  POWER_ON_RETRY_MS,
  type Turn,
} from './ladder.ts'
import { enterPdu, switchFeed } from './outlet-rung.ts'
import { recorded } from './recovery.ts'
import { blankLadder } from './step.ts'
import { bmcSource, conclude, fail, lookAtOutlets, lookAtPower, note } from './turn.ts'

/** Monotonic ms within one boot of the management server. */
export interface Mono {
  bootId: string
  ms: number
}

/** The journalled facts of one order that a ladder is rebuilt from, oldest first. */
export type HistoryEntry =
  | { kind: 'accepted'; order: string; plan: Plan; mono: Mono }
  | { kind: 'intent'; shot: Shot; mono: Mono }
  | { kind: 'answer'; shot: number; answer: ShotAnswer; detail: string; mono: Mono }
  | { kind: 'noticed'; address: string; mono: Mono }
  | { kind: 'concluded'; conclusion: Conclusion; mono: Mono }
  | { kind: 'recovery'; recovery: Recovery; mono: Mono }
  | { kind: 'ended' }

/**
 * Returns the ladder as it goes on from `at`, or undefined when the history holds no open one. Instants of
 * an earlier boot are not comparable: what waited for them is due now, and a recovery wait starts again.
 */
export function resume(
  history: readonly HistoryEntry[],
  bootId: string,
  at: Moment,
): [Ladder, Action[]] | undefined {
  const accepted = history.find((entry) => entry.kind === 'accepted')
  if (!accepted || history.some(({ kind }) => kind === 'ended')) return undefined
  const instant = (mono: Mono): number | undefined =>
    mono.bootId === bootId && mono.ms <= at.ms ? mono.ms : undefined
  const ladder = blankLadder(accepted.order, accepted.plan, instant(accepted.mono) ?? at.ms)
  const turn: Turn = { ladder, at, actions: [] }
  const facts = replay(turn, history, instant)
  note(turn, bmcSource(turn), 'taken up again from the journal')
  goOn(turn, facts)
  return [turn.ladder, turn.actions]
}

interface Facts {
  recoveryAt: number | undefined
  noticed: boolean
}

function replay(
  turn: Turn,
  history: readonly HistoryEntry[],
  instant: (mono: Mono) => number | undefined,
): Facts {
  const { ladder, at } = turn
  const facts: Facts = { recoveryAt: undefined, noticed: false }
  for (const entry of history) {
    switch (entry.kind) {
      case 'intent':
        ladder.shots.push({ ...entry.shot, intendedAt: instant(entry.mono) ?? at.ms })
        replaySwitch(ladder, entry.shot)
        break
      case 'answer': {
        const shot = ladder.shots.find(({ id }) => id === entry.shot)
        if (shot) Object.assign(shot, { answer: entry.answer, detail: entry.detail })
        break
      }
      case 'noticed':
        facts.noticed = true
        break
      case 'concluded':
        ladder.conclusion = entry.conclusion
        ladder.evidence = [...entry.conclusion.evidence]
        break
      case 'recovery':
        ladder.recovery = entry.recovery
        facts.recoveryAt = instant(entry.mono)
        break
    }
  }
  return facts
}

function replaySwitch(ladder: Ladder, { id, rung, device }: Shot): void {
  if (rung === 'off') ladder.offTried = true
  if (device.kind !== 'outlet') return
  const feed = ladder.feeds.find(
    ({ pdu, outlet }) => pdu === device.pdu && outlet === device.outlet,
  )
  if (!feed) return
  feed.shot = id
  if (rung === 'pdu') feed.cut = true
}

function goOn(turn: Turn, { recoveryAt, noticed }: Facts): void {
  const { ladder, at } = turn
  const last = ladder.shots.at(-1)
  if (ladder.conclusion) {
    if (last?.rung === 'on') return resumeOn(turn)
    if (ladder.recovery !== 'waiting') {
      ladder.phase = { name: 'recording' }
      return recorded(turn)
    }
    const onAt = (recoveryAt ?? at.ms) + ladder.plan.pduRecoveryWaitMs
    ladder.phase = { name: 'waiting', onAt }
    return
  }
  if (!last) return begin(turn)
  switch (last.rung) {
    case 'soft':
      return resumeSoft(turn, last.intendedAt, last.answer, noticed)
    case 'hard':
      return resumeHard(turn, last.id)
    case 'off':
      return resumeOff(turn, last.id)
    default:
      return resumePdu(turn)
  }
}

function resumeSoft(
  turn: Turn,
  softAt: number,
  answer: ShotAnswer | undefined,
  noticed: boolean,
): void {
  const { ladder } = turn
  if (noticed && ladder.plan.requireGrade !== 'confirmed') {
    return conclude(turn, { result: 'DUMP', fenced: true, grade: 'acknowledged' })
  }
  if (answer === 'refused' || answer === 'unreachable') {
    if (ladder.plan.mode === 'soft') return fail(turn, 'unknown', 'the interrupt was not taken')
    return enterHard(turn)
  }
  ladder.phase = { name: 'soft', hardAt: softAt + ladder.plan.hardResetAfterMs }
}

/** A hard reset cannot be seen: without its recorded answer the rung is unknown, never given again. */
function resumeHard(turn: Turn, id: number): void {
  const { ladder, at } = turn
  const shot = ladder.shots.find((candidate) => candidate.id === id)
  if (!shot) throw new Error(`shot ${id} vanished from its own ladder`)
  switch (shot.answer) {
    case 'accepted':
      note(turn, bmcSource(turn), 'hard reset accepted')
      return conclude(turn, { result: 'REBOOT', fenced: true, grade: 'acknowledged' })
    case 'refused':
    case 'unreachable':
      return ladder.plan.feeds.length > 0 ? enterPdu(turn) : enterOff(turn)
    default: {
      // Links are being opened again: the BMC gets at least one look's time before it counts as silent.
      const until = Math.max(
        shot.intendedAt + ladder.plan.hardResetTimeoutMs,
        at.ms + 3 * LOOK_AFTER_MS,
      )
      ladder.phase = { name: 'hard', shot: id, until }
      return lookAtPower(turn)
    }
  }
}

function resumeOff(turn: Turn, id: number): void {
  const { ladder, at } = turn
  const next = ladder.plan.feeds.length > 0 && !ladder.feeds.some(({ cut }) => cut) ? 'pdu' : 'fail'
  ladder.phase = { name: 'off', shot: id, until: at.ms + OFF_READ_WITHIN_MS, attempts: 1, next }
  lookAtPower(turn)
}

/** Power on is settled by looking too; an outlet that never got its command gets it now. */
function resumeOn(turn: Turn): void {
  const { ladder, at } = turn
  const switched = new Set(ladder.shots.filter(({ rung }) => rung === 'on').map(({ id }) => id))
  ladder.phase = {
    name: 'on',
    until: at.ms + POWER_ON_RETRY_MS * POWER_ON_ATTEMPTS_MAX,
    bmcAttempts: 1,
    bmcRetryAt: at.ms + LOOK_AFTER_MS,
  }
  for (const feed of ladder.feeds) {
    if (feed.cut && !switched.has(feed.shot ?? 0)) switchFeed(turn, feed, 'on')
  }
  if (ladder.feeds.some(({ cut }) => cut)) lookAtOutlets(turn)
  else lookAtPower(turn)
}

/** Outlets are settled by looking; one that never got its command gets it now. */
function resumePdu(turn: Turn): void {
  const { ladder, at } = turn
  ladder.phase = { name: 'pdu', until: at.ms + OUTLETS_READ_WITHIN_MS }
  for (const feed of ladder.feeds) if (feed.shot === undefined) switchFeed(turn, feed, 'off')
  lookAtOutlets(turn)
}
