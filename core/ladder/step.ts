// Opens a ladder and moves it: (state, input, moment) -> (state, actions). Pure; the agent, the tests and
// the simulation run this very function.
import type { Plan } from '../plan.ts'
import {
  begin,
  concludeDump,
  hardAnswered,
  hardDue,
  hardLooked,
  noticed,
  softAnswered,
  softDue,
} from './bmc-rungs.ts'
import {
  type Action,
  type Circumstances,
  FIRST_LOOK_TIMEOUT_MS,
  type Input,
  type Ladder,
  type Moment,
  OFF_READS_APART_MS,
  type OutletLook,
  type PowerLook,
  SESSION_SETTLED_MS,
  type Turn,
  wakeAt,
} from './ladder.ts'
import { offAnswered, offDue, offLooked } from './off-rung.ts'
import { foundOff, pduAnswered, pduDue, pduLooked, pduProbed, readFeeds } from './outlet-rung.ts'
import { enterOn, onDue, onLookedAtOutlets, onLookedAtPower, recorded } from './recovery.ts'
import {
  bmcSource,
  conclude,
  lookAtOutlets,
  lookAtPower,
  note,
  noteSent,
  takeAnswer,
  turnOf,
} from './turn.ts'

/** An accepted reset that has not started yet. */
export function blankLadder(order: string, plan: Plan, startedAt: number): Ladder {
  return {
    order,
    plan,
    startedAt,
    phase: { name: 'recording' },
    shots: [],
    feeds: plan.feeds.map(({ pdu, outlet }) => ({
      pdu,
      outlet,
      value: 'unknown',
      said: 'not read',
      attempts: 0,
      cut: false,
    })),
    evidence: [],
    spareDump: false,
    noticed: false,
    offOnly: false,
    offTried: false,
    recovery: 'none',
    lookingAtPower: false,
    lookingAtOutlets: 0,
    probing: false,
  }
}

/** Opens the ladder of an accepted order. */
export function open(
  order: string,
  plan: Plan,
  circumstances: Circumstances,
  at: Moment,
): [Ladder, Action[]] {
  const ladder = blankLadder(order, plan, at.ms)
  ladder.spareDump = circumstances.recentNotice || circumstances.freshNotice !== undefined
  ladder.offOnly = circumstances.loose
  if (circumstances.watchedOff) ladder.watchedOff = circumstances.watchedOff
  if (circumstances.onSession !== undefined) ladder.onSession = circumstances.onSession
  noteTests(ladder, circumstances)
  const turn: Turn = { ladder, at, actions: [] }
  start(turn, circumstances)
  return [turn.ladder, turn.actions]
}

/** What tests of the server's feeds showed and left. */
export function noteTests(
  ladder: Ladder,
  { wiringProvenAt, leftOff = [] }: Pick<Circumstances, 'wiringProvenAt' | 'leftOff'>,
): void {
  if (wiringProvenAt !== undefined) ladder.wiringProvenAt = wiringProvenAt
  for (const feed of ladder.feeds) {
    if (leftOff.some(({ pdu, outlet }) => pdu === feed.pdu && outlet === feed.outlet)) {
      feed.leftOff = true
    }
  }
}

function start(turn: Turn, { freshNotice, watchedOff, outletsLastOff }: Circumstances): void {
  const { ladder, at } = turn
  const { plan } = ladder
  if (freshNotice && plan.requireGrade !== 'confirmed') {
    const number = plan.system?.number ?? plan.server
    note(turn, `system:${number}`, `stop notice from ${freshNotice.address}`, freshNotice.wall)
    return concludeDump(turn)
  }
  const outlets = outletsLastOff && ladder.feeds.length > 0
  if (!watchedOff && !outlets) return begin(turn)
  ladder.phase = { name: 'look', until: at.ms + FIRST_LOOK_TIMEOUT_MS, outlets }
  if (outlets) lookAtOutlets(turn)
  else lookAtPower(turn)
}

/** Moves the ladder by one input. The state given is left as it was. */
export function step(before: Ladder, input: Input, at: Moment): [Ladder, Action[]] {
  const turn = turnOf(before, at)
  take(turn, input)
  return [turn.ladder, turn.actions]
}

function take(turn: Turn, input: Input): void {
  switch (input.type) {
    case 'sent':
      return noteSent(turn, input.shot)
    case 'answered':
      return answered(turn, input)
    case 'power':
      turn.ladder.lookingAtPower = false
      return lookedAtPower(turn, input.look)
    case 'outlets':
      turn.ladder.lookingAtOutlets = Math.max(0, turn.ladder.lookingAtOutlets - 1)
      return lookedAtOutlets(turn, input.look)
    case 'probed':
      turn.ladder.probing = false
      if (turn.ladder.phase.name === 'pdu') pduProbed(turn, turn.ladder.phase, input.answered)
      return
    case 'notice':
      return noticed(turn, input.address)
    case 'recorded':
      if (turn.ladder.phase.name === 'recording') recorded(turn)
      return
    case 'tick':
      return tick(turn)
    case 'events':
    case 'abort':
      return
  }
}

function answered(turn: Turn, input: Extract<Input, { type: 'answered' }>): void {
  const shot = turn.ladder.shots.find(({ id }) => id === input.shot)
  if (!shot || !takeAnswer(shot, input.answer, input.detail)) return
  const { phase } = turn.ladder
  if (phase.name === 'soft' && shot.rung === 'soft') softAnswered(turn, input.answer, input.detail)
  if (phase.name === 'hard' && shot.id === phase.shot) {
    hardAnswered(turn, phase, input.answer, input.detail)
  }
  if (phase.name === 'off' && shot.id === phase.shot) {
    offAnswered(turn, phase, input.answer, input.detail)
  }
  if (phase.name === 'pdu' && shot.rung === 'pdu') pduAnswered(turn, phase)
}

function lookedAtPower(turn: Turn, look: PowerLook): void {
  const { ladder } = turn
  if (look.value === 'on' && look.identity !== 'mismatch') ladder.onSession = look.session
  const { phase } = ladder
  switch (phase.name) {
    case 'look':
      return judgeFirstLook(turn, look)
    case 'hard':
      return hardLooked(turn, phase, look)
    case 'off':
      return offLooked(turn, phase, look)
    case 'on':
      return onLookedAtPower(turn, phase, look)
  }
}

function lookedAtOutlets(turn: Turn, look: OutletLook): void {
  const { ladder } = turn
  const { phase } = ladder
  if (phase.name === 'pdu') return pduLooked(turn, phase, look)
  if (phase.name === 'on') return onLookedAtOutlets(turn, look)
  if (phase.name !== 'look') return
  readFeeds(turn, look)
  if (ladder.lookingAtOutlets > 0) return
  if (ladder.feeds.every(({ value }) => value === 'off')) foundOff(turn)
  else begin(turn)
}

/** "Already off" needs the watch's read and a fresh one of a settled session, identity proven. */
function judgeFirstLook(turn: Turn, look: PowerLook): void {
  const { watchedOff } = turn.ladder
  const proven =
    look.value === 'off' &&
    look.identity === 'proven' &&
    watchedOff !== undefined &&
    watchedOff.session === look.session &&
    look.askedAt - watchedOff.since >= OFF_READS_APART_MS &&
    look.askedAt - look.sessionOpenedAt >= SESSION_SETTLED_MS
  if (!proven) return begin(turn)
  note(turn, bmcSource(turn), 'power was off already, read again after the request', look.readAt)
  conclude(turn, { result: 'POFF', fenced: true, grade: 'confirmed' })
}

function tick(turn: Turn): void {
  const { ladder, at } = turn
  const due = wakeAt(ladder)
  if (due === undefined || at.ms < due) return
  if (ladder.lookAgainAt !== undefined && at.ms >= ladder.lookAgainAt) delete ladder.lookAgainAt
  const { phase } = ladder
  switch (phase.name) {
    case 'look':
      if (at.ms >= phase.until) begin(turn)
      return
    case 'soft':
      return softDue(turn, phase)
    case 'hard':
      return hardDue(turn, phase)
    case 'off':
      return offDue(turn, phase)
    case 'pdu':
      return pduDue(turn, phase)
    case 'waiting':
      if (at.ms >= phase.onAt) enterOn(turn)
      return
    case 'on':
      return onDue(turn, phase)
  }
}
