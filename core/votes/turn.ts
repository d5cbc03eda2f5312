// The few moves that every part of the vote shares.
import { basisOf } from './lease.ts'
import type { Ask, Envelope, PeerAnswer, Verdict } from './messages.ts'
import {
  type AfterWrite,
  type Ballot,
  type Effect,
  FOLLOWER,
  type StepDownReason,
  type VoteState,
} from './state.ts'
import { type ByAgent, covers, merged, RENEW_EVERY_MS, type Voter } from './terms.ts'

/** One turn: a private copy to change, and the effects it calls for. */
export interface Turn {
  state: VoteState
  now: number
  effects: Effect[]
  /** What waits for no write any more. */
  due: AfterWrite[]
}

const NEVER = Number.NEGATIVE_INFINITY

/** An answer to an older one is of no use any more. */
const ASKS_KEPT = 24

/** After a lost lease or candidacy; B waits longer, so that the two do not meet again and again. */
const TRY_AGAIN_MS = { A: 100, B: 250 } as const

export function turnOf(state: VoteState, now: number): Turn {
  return { state: { ...state }, now, effects: [], due: [] }
}

/** The next message's envelope. Whatever it tells of the ballot must be durable, or promise nothing. */
export function envelope(state: VoteState): Envelope {
  state.number += 1
  return {
    agent: state.me,
    start: state.start,
    number: state.number,
    voters: state.voters.version,
    known: state.ballot.epoch,
    heads: state.heads,
    committed: state.committed,
    starts: state.ballot.starts,
    returned: state.durable.returned,
  }
}

/** Asks a voter for its vote in this epoch, or whether it would give it. */
export function ask(turn: Turn, to: Voter, epoch: number, preliminary: boolean): void {
  const { state, now } = turn
  const message: Ask = { ...envelope(state), type: 'ask', preliminary, epoch, echo: state.echo }
  const sent = { number: message.number, to, at: now, preliminary, epoch, heads: state.heads }
  state.asks = [...state.asks.slice(1 - ASKS_KEPT), sent]
  if (to === 'peer') return void turn.effects.push({ type: 'send', to, message })
  const { ticket } = state
  if (ticket) {
    message.ticket = ticket.id
    message.waitedMs = now - ticket.since
  }
  if (!preliminary) {
    state.controlPlaneVote = true
    state.giveBackNumber = 0
  }
  turn.effects.push({ type: 'send', to, message })
}

export function answer(turn: Turn, verdict: Verdict): void {
  const message: PeerAnswer = { ...envelope(turn.state), type: 'answer', ...verdict }
  turn.effects.push({ type: 'send', to: 'peer', message })
}

/** Changes the ballot where it differs. What follows waits until all of it is on the disk. */
export function store(turn: Turn, change: Partial<Ballot>, then?: AfterWrite): void {
  const { state } = turn
  const keys = Object.keys(change) as (keyof Ballot)[]
  const last = state.writes.at(-1)
  if (keys.some((key) => state.ballot[key] !== change[key])) {
    state.ballot = { ...state.ballot, ...change }
    state.writeId += 1
    const write = { id: state.writeId, ballot: state.ballot, afterwards: then ? [then] : [] }
    state.writes = [...state.writes, write]
    turn.effects.push({ type: 'store', id: write.id, ballot: write.ballot })
  } else if (then && last) {
    state.writes = [
      ...state.writes.slice(0, -1),
      { ...last, afterwards: [...last.afterwards, then] },
    ]
  } else if (then) {
    turn.due.push(then)
  }
}

/** Ends standing and acting: no answer to an ask of before counts any more. */
export function stepDown(turn: Turn, reason: StepDownReason): void {
  const { state, now } = turn
  if (state.role.name === 'active') {
    turn.effects.push({ type: 'step-down', epoch: state.role.epoch, reason })
  }
  state.role = FOLLOWER
  dropLeases(state)
  state.heldStandDown = 0
  state.tryAt = now + tryAgainMs(state)
}

export function dropLeases(state: VoteState): void {
  state.asks = []
  state.peerLeaseUntil = NEVER
  state.controlPlaneLeaseUntil = NEVER
}

/** What was known of the other agent is known of nobody now. */
export function blankPeer(state: VoteState): void {
  state.peerAnswered = 0
  state.echo = 0
  state.peerHeads = undefined
  state.standbyInSync = false
  state.reachedPeer = false
  state.votedForPeer = false
  state.heldStandDown = 0
  state.peerHeardAt = NEVER
  state.peerGoodAt = NEVER
  state.peerOffUntil = NEVER
}

export function tryAgainMs({ seat }: VoteState): number {
  return seat === undefined ? 0 : TRY_AGAIN_MS[seat]
}

/** What keeps it from standing, whoever would vote for it. */
export function mayStand(state: VoteState, now: number): boolean {
  return (
    state.seat !== undefined &&
    state.ballot.settled &&
    state.ballot.stoodDown === 0 &&
    !state.rolledBack &&
    !state.shooting &&
    state.quietUntil <= now &&
    state.promisedUntil <= now
  )
}

/** A candidate with a basis acts once it has what its voters have. */
export function win(turn: Turn): void {
  const { state, now } = turn
  if (state.role.name !== 'candidate') return
  const basis = basisOf(state, now)
  if (basis === undefined || !covers(state.heads, state.told)) return
  const { epoch } = state.role
  state.role = { name: 'active', epoch }
  state.renewAt = now + RENEW_EVERY_MS
  if (basis === 'peer-off' || (basis === 'control-plane' && !state.reachedPeer)) state.gap = true
  turn.effects.push({ type: 'act', epoch, basis, gap: state.gap })
}

/** Notes what voters have; where its journal lacks some of it, it is copied. */
export function learnHeads(turn: Turn, from: Voter, heads: ByAgent): void {
  const { state } = turn
  state.told = merged(state.told, heads)
  if (!covers(state.heads, heads)) turn.effects.push({ type: 'fetch', from, heads })
}

/**
 * Others may remember more of this agent than it does itself: then it neither votes nor stands until it has
 * copied the journal, and starts anew above the number that they remember.
 */
export function learnOwnPast(turn: Turn, from: Voter, starts: ByAgent, heads: ByAgent): void {
  const { state } = turn
  const fewerStarts = (starts[state.me] ?? 0) > state.start
  const fewerRecords = (heads[state.me] ?? 0) > (state.heads[state.me] ?? 0)
  if (fewerStarts || fewerRecords) {
    state.told = merged(state.told, heads)
    store(turn, { starts: merged(state.ballot.starts, starts) })
  }
  if (fewerStarts || fewerRecords || state.rolledBack) rollBack(turn)
  if (!state.rolledBack || covers(state.heads, heads)) return
  turn.effects.push({ type: 'fetch', from, heads })
}

export function rollBack(turn: Turn): void {
  const { state, effects } = turn
  state.rolledBack = true
  if (state.role.name !== 'follower') stepDown(turn, 'rolled-back')
  if (!covers(state.heads, state.told)) return
  const startAbove = Math.max(state.start, state.ballot.starts[state.me] ?? 0)
  effects.push({ type: 'restart', startAbove })
}
