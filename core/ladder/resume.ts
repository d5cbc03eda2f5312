// Rebuilds an open ladder from its journal, after a restart or by a successor: it looks first, behind a
// barrier, and never gives a soft or hard reset a second time (spec redundancy.md, "takeover").
import type { Outlet } from '../operation.ts'
import type { Conclusion, Recovery } from '../outcome.ts'
import type { Plan } from '../plan.ts'
import type { Shot, ShotAnswer, ShotState } from '../shot.ts'
import { begin, concludeDump, hardAnswered, noteNotice, softAnswered } from './bmc-rungs.ts'
import {
  type Action,
  type Ladder,
  LOOK_AFTER_MS,
  type Moment,
  OFF_READ_WITHIN_MS,
  OUTLETS_READ_WITHIN_MS,
  type Turn,
} from './ladder.ts'
import { switchFeed } from './outlet-rung.ts'
import { recorded, resumeOn, takeOver } from './recovery.ts'
import { blankLadder, noteTests } from './step.ts'
import { end, lookAtOutlets, lookAtPower, note, takeAnswer, turnOf } from './turn.ts'

/** Monotonic ms within one boot of the management server. */
export interface Mono {
  bootId: string
  ms: number
}

/** The journalled facts of one order that a ladder is rebuilt from, oldest first. */
export type HistoryEntry =
  | {
      kind: 'accepted'
      order: string
      plan: Plan
      mono: Mono
      /** What was known at acceptance: a stop notice just heard, an earlier effect still loose. */
      recentNotice?: boolean | undefined
      loose?: boolean | undefined
      wiringProvenAt?: string | undefined
      leftOff?: readonly Outlet[] | undefined
    }
  | { kind: 'intent'; shot: Shot; mono: Mono }
  | { kind: 'answer'; shot: number; answer: ShotAnswer; detail: string; mono: Mono }
  | { kind: 'noticed'; address: string; mono: Mono }
  | { kind: 'concluded'; conclusion: Conclusion; mono: Mono }
  | { kind: 'recovery'; recovery: Recovery; mono: Mono }
  | { kind: 'ended' }

type Instant = (mono: Mono) => number | undefined

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
  const instant = instantsOf(bootId, at)
  const ladder = blankLadder(accepted.order, accepted.plan, instant(accepted.mono) ?? at.ms)
  ladder.spareDump = accepted.recentNotice ?? false
  ladder.offOnly = accepted.loose ?? false
  const { wiringProvenAt, leftOff } = accepted
  noteTests(ladder, {
    ...(wiringProvenAt === undefined ? {} : { wiringProvenAt }),
    ...(leftOff === undefined ? {} : { leftOff }),
  })
  const turn: Turn = { ladder, at, actions: [] }
  const recoveryAt = replay(turn, history, instant)
  note(turn, `server:${ladder.plan.server}`, 'taken up again from the journal')
  if (ladder.conclusion) goOnConcluded(turn, recoveryAt)
  else goOn(turn)
  return [turn.ladder, turn.actions]
}

/** Takes up a restore in the same way, from its ladder as it was before anything was switched. */
export function resumeRestore(
  blank: Ladder,
  history: readonly HistoryEntry[],
  bootId: string,
  at: Moment,
): [Ladder, Action[]] {
  const turn = turnOf(blank, at)
  for (const feed of turn.ladder.feeds) feed.cut = true
  replay(turn, history, instantsOf(bootId, at))
  resumeOn(turn)
  return [turn.ladder, turn.actions]
}

function instantsOf(bootId: string, at: Moment): Instant {
  return (mono) => (mono.bootId === bootId && mono.ms <= at.ms ? mono.ms : undefined)
}

/** Takes the journal in; returns when the last recovery was recorded. */
function replay(
  turn: Turn,
  history: readonly HistoryEntry[],
  instant: Instant,
): number | undefined {
  const { ladder, at } = turn
  let recoveryAt: number | undefined
  for (const entry of history) {
    switch (entry.kind) {
      case 'intent':
        replayIntent(ladder, entry.shot, instant(entry.mono) ?? at.ms)
        break
      case 'answer': {
        const shot = ladder.shots.find(({ id }) => id === entry.shot)
        if (shot) takeAnswer(shot, entry.answer, entry.detail)
        break
      }
      case 'noticed':
        noteNotice(turn, entry.address)
        break
      case 'concluded':
        ladder.conclusion = entry.conclusion
        ladder.evidence = [...entry.conclusion.evidence]
        break
      case 'recovery':
        ladder.recovery = entry.recovery
        recoveryAt = instant(entry.mono)
        break
    }
  }
  // Intents of one turn are written as their ways become ready, not always in the order of the ladder.
  ladder.shots.sort((a, b) => a.id - b.id)
  return recoveryAt
}

function replayIntent(ladder: Ladder, shot: Shot, intendedAt: number): void {
  const known = ladder.shots.find(({ id }) => id === shot.id)
  // An intent that grew stale before it could be acted on was written again.
  if (known) known.intendedAt = intendedAt
  else ladder.shots.push({ ...shot, intendedAt })
  const { id, rung, device } = shot
  if (rung === 'off') ladder.offTried = true
  if (device.kind !== 'outlet') return
  const feed = ladder.feeds.find(
    ({ pdu, outlet }) => pdu === device.pdu && outlet === device.outlet,
  )
  if (!feed) return
  feed.shot = Math.max(id, feed.shot ?? 0)
  if (rung === 'pdu') feed.cut = true
}

function goOnConcluded(turn: Turn, recoveryAt: number | undefined): void {
  const { ladder, at } = turn
  if (ladder.recovery !== 'none') takeOver(turn)
  if (ladder.shots.at(-1)?.rung === 'on') return resumeOn(turn)
  if (ladder.recovery === 'waiting') {
    const onAt = (recoveryAt ?? at.ms) + ladder.plan.pduRecoveryWaitMs
    ladder.phase = { name: 'waiting', onAt }
    return
  }
  if (ladder.recovery !== 'none') return end(turn)
  recorded(turn)
}

function goOn(turn: Turn): void {
  const { ladder } = turn
  const last = ladder.shots.at(-1)
  const answered = last?.answer === 'accepted' || last?.answer === 'refused'
  const beforeCut =
    last === undefined || last.rung === 'soft' || (last.rung === 'hard' && !answered)
  if (beforeCut && ladder.noticed && ladder.plan.requireGrade !== 'confirmed') {
    return concludeDump(turn)
  }
  if (!last) return begin(turn)
  switch (last.rung) {
    case 'soft':
      return resumeSoft(turn, last)
    case 'hard':
      return resumeHard(turn, last)
    case 'off':
      return resumeOff(turn, last.id)
    default:
      return resumePdu(turn)
  }
}

function resumeSoft(turn: Turn, shot: ShotState): void {
  const { ladder } = turn
  ladder.phase = { name: 'soft', hardAt: shot.intendedAt + ladder.plan.hardResetAfterMs }
  if (shot.answer !== undefined) softAnswered(turn, shot.answer, shot.detail ?? '')
}

/** A hard reset cannot be seen: without its recorded answer the rung is unknown, never given again. */
function resumeHard(turn: Turn, shot: ShotState): void {
  const { ladder, at } = turn
  // Links are being opened again: the BMC gets at least one look's time before it counts as silent.
  const until = Math.max(
    shot.intendedAt + ladder.plan.hardResetTimeoutMs,
    at.ms + 3 * LOOK_AFTER_MS,
  )
  const phase = { name: 'hard', shot: shot.id, until } as const
  ladder.phase = phase
  if (shot.answer === undefined) return lookAtPower(turn)
  hardAnswered(turn, phase, shot.answer, shot.detail ?? '')
}

function resumeOff(turn: Turn, id: number): void {
  const { ladder, at } = turn
  const next = ladder.plan.feeds.length > 0 && !ladder.feeds.some(({ cut }) => cut) ? 'pdu' : 'fail'
  ladder.phase = { name: 'off', shot: id, until: at.ms + OFF_READ_WITHIN_MS, attempts: 1, next }
  lookAtPower(turn)
}

/** Outlets are settled by looking; one that never got its command gets it now. */
function resumePdu(turn: Turn): void {
  const { ladder, at } = turn
  ladder.phase = { name: 'pdu', until: at.ms + OUTLETS_READ_WITHIN_MS }
  for (const feed of ladder.feeds) if (feed.shot === undefined) switchFeed(turn, feed, 'off')
  lookAtOutlets(turn)
}
