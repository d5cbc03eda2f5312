// The agent as a candidate: from asking around to acting, renewing, and giving back (spec redundancy.md,
// "Votes"). A candidate's lease counts from its own ask.
import { basisOf } from './lease.ts'
import type { ControlPlaneAnswer, PeerAnswer, Refusal } from './messages.ts'
import { FOLLOWER, type SentAsk } from './state.ts'
import {
  CANDIDACY_MS,
  CANDIDATE_SHARE,
  CONTROL_PLANE_PROMISE_MS,
  covers,
  GIVE_BACK_AGAIN_MS,
  MISSED_RENEWALS_MS,
  nextEpoch,
  ownsEpoch,
  PEER_PROMISE_MS,
  RENEW_CONTROL_PLANE_MS,
  RENEW_EVERY_MS,
  type Voter,
} from './terms.ts'
import {
  ask,
  dropLeases,
  envelope,
  learnHeads,
  mayStand,
  rollBack,
  stepDown,
  store,
  type Turn,
  tryAgainMs,
  win,
} from './turn.ts'

/** A follower whose time has come: with a proof it stands at once, else it asks around first. */
export function tryToStand(turn: Turn): void {
  const { state, now } = turn
  state.tryAt = now + RENEW_EVERY_MS
  if (!mayStand(state, now) || state.seat === undefined) return
  if (state.heldStandDown > 0) {
    if (covers(state.heads, state.told)) stand(turn, false)
    else learnHeads(turn, 'peer', state.told)
    return
  }
  const controlPlane = now - state.peerGoodAt >= MISSED_RENEWALS_MS
  state.role = { name: 'pre-candidate', until: now + CANDIDACY_MS, controlPlane }
  const epoch = nextEpoch(state.seat, state.ballot.epoch)
  ask(turn, 'peer', epoch, true)
  if (controlPlane) ask(turn, 'control-plane', epoch, true)
  if (now - state.peerHeardAt > PEER_PROMISE_MS) turn.effects.push({ type: 'look-at-peer' })
}

/** Takes the next epoch and votes for itself; it asks the others once that is on the disk. */
function stand(turn: Turn, controlPlane: boolean): void {
  const { state } = turn
  if (state.seat === undefined) return
  const epoch = nextEpoch(state.seat, state.ballot.epoch)
  state.role = { name: 'standing', epoch, controlPlane }
  state.votedForPeer = false
  state.gap = false
  // Votes for an epoch of before are none for this one.
  dropLeases(state)
  store(turn, { epoch, votedFor: state.me, promiseMs: PEER_PROMISE_MS }, { type: 'stand', epoch })
}

/** A single agent is always active; its epoch is the lowest of its seat that nobody else had. */
export function standAlone(turn: Turn): void {
  const { state, now } = turn
  if (!mayStand(state, now) || state.seat === undefined) return
  const { epoch, votedFor } = state.ballot
  if (votedFor !== state.me || !ownsEpoch(state.seat, epoch)) return stand(turn, false)
  state.role = { name: 'candidate', epoch, until: now }
  win(turn)
}

export function stood(turn: Turn, epoch: number): void {
  const { state, now } = turn
  const { role } = state
  if (role.name !== 'standing' || role.epoch !== epoch) return
  state.role = { name: 'candidate', epoch, until: now + CANDIDACY_MS }
  win(turn)
  if (state.heldStandDown > 0 || state.peer === undefined) return
  ask(turn, 'peer', epoch, false)
  if (role.controlPlane) ask(turn, 'control-plane', epoch, false)
}

/** Nobody gave enough in time. A proof that the peer is off then stands for its vote. */
export function candidacyOver(turn: Turn): void {
  const { state, now } = turn
  const asked = state.role.name
  win(turn)
  if (state.role.name === 'active') return
  state.role = FOLLOWER
  state.tryAt = now + tryAgainMs(state)
  if (asked !== 'pre-candidate' || state.peerOffUntil <= now || !mayStand(state, now)) return
  if (covers(state.heads, state.told)) stand(turn, true)
}

export function renew(turn: Turn, epoch: number): void {
  const { state, now } = turn
  if (basisOf(state, now) === undefined) return stepDown(turn, 'lease-ended')
  if (now < state.renewAt) return
  state.renewAt = now + RENEW_EVERY_MS
  ask(turn, 'peer', epoch, false)
  if (now - state.peerGoodAt < MISSED_RENEWALS_MS) return
  const lastAskAt = state.controlPlaneLeaseUntil - CANDIDATE_SHARE * CONTROL_PLANE_PROMISE_MS
  if (now - lastAskAt >= RENEW_CONTROL_PLANE_MS) ask(turn, 'control-plane', epoch, false)
  if (now - state.peerHeardAt > PEER_PROMISE_MS) turn.effects.push({ type: 'look-at-peer' })
}

/** The control plane counts no time: its vote is given back as soon as this agent does without. */
export function giveBack(turn: Turn): void {
  const { state, now } = turn
  state.giveBackAt = now + RENEW_EVERY_MS
  const follows = state.quietUntil > now || state.promisedUntil > now
  const renewed = now - state.peerGoodAt < MISSED_RENEWALS_MS && state.peerLeaseUntil > now
  const without = state.role.name === 'active' ? renewed : state.role.name === 'follower' && follows
  if (!without) return
  state.giveBackAt = now + GIVE_BACK_AGAIN_MS
  state.controlPlaneLeaseUntil = Number.NEGATIVE_INFINITY
  state.asks = state.asks.filter(({ to }) => to !== 'control-plane')
  const message = { ...envelope(state), type: 'give-back' as const }
  state.giveBackNumber = message.number
  turn.effects.push({ type: 'send', to: 'control-plane', message })
}

export function hearAnswer(
  turn: Turn,
  from: Voter,
  answered: PeerAnswer | ControlPlaneAnswer,
): void {
  const { state } = turn
  const { to, granted, promiseMs, refusal } = answered
  if (to.start !== state.start) return
  // Never sent in this start: an earlier one, of a disk that is gone, had the same number.
  if ((answered.newest ?? 0) > state.number) return rollBack(turn)
  const asked = state.asks.find(({ number }) => number === to.number)
  if (asked?.to !== from) return
  state.asks = state.asks.filter((other) => other !== asked)
  if (from === 'peer') state.echo = Math.max(state.echo, asked.number)
  if (refusal) return refused(turn, from, asked, refusal)
  if (!granted) return
  if (asked.preliminary) preGranted(turn)
  else {
    if (answered.type === 'answer') state.standbyInSync = covers(answered.heads, asked.heads)
    countVote(turn, from, asked, promiseMs)
  }
}

function preGranted(turn: Turn): void {
  const { role } = turn.state
  if (role.name !== 'pre-candidate') return
  if (mayStand(turn.state, turn.now)) stand(turn, role.controlPlane)
}

function countVote(turn: Turn, from: Voter, asked: SentAsk, promiseMs: number): void {
  const { state } = turn
  const { role } = state
  if (role.name !== 'candidate' && role.name !== 'active') return
  if (role.epoch !== asked.epoch) return
  const until = asked.at + CANDIDATE_SHARE * promiseMs
  if (from === 'control-plane') {
    state.controlPlaneLeaseUntil = Math.max(state.controlPlaneLeaseUntil, until)
    // Two votes are worth more than a paper that its signer may have forgotten with its disk.
    if (state.heldStandDown > 0) returnStandDown(turn)
  } else {
    state.peerLeaseUntil = Math.max(state.peerLeaseUntil, until)
    state.peerGoodAt = Math.max(state.peerGoodAt, asked.at)
  }
  win(turn)
}

function refused(turn: Turn, from: Voter, asked: SentAsk, refusal: Refusal): void {
  const { state, now } = turn
  const { role } = state
  if (refusal === 'stood-down' && from === 'peer' && state.heldStandDown > 0) return signBack(turn)
  if (refusal !== 'not-echoed' || asked.preliminary) return
  // The answer itself is the echo that was missing.
  if (role.name === 'active' || (role.name === 'candidate' && role.until > now)) {
    if (role.epoch === asked.epoch) ask(turn, 'peer', role.epoch, false)
  }
}

/** The peer is there again: its vote instead of its stand-down. In between nothing is done. */
function signBack(turn: Turn): void {
  const { state, now } = turn
  const { role } = state
  if (role.name !== 'active') return
  turn.effects.push({ type: 'step-down', epoch: role.epoch, reason: 'signed-back' })
  state.role = { name: 'candidate', epoch: role.epoch, until: now + CANDIDACY_MS }
  returnStandDown(turn)
}

function returnStandDown(turn: Turn): void {
  const { state } = turn
  const returned = Math.max(state.ballot.returned, state.heldStandDown)
  state.heldStandDown = 0
  store(turn, { returned }, { type: 'sign-back' })
}

export function signedBack(turn: Turn): void {
  const { role } = turn.state
  if (role.name === 'candidate' || role.name === 'active') ask(turn, 'peer', role.epoch, false)
}
