// Who may act, send, acknowledge and shoot now: pure questions to one agent's state. They are asked at the
// very instant of the act; the state itself may not have noticed yet that a lease has ended.
import type { Basis, VoteState } from './state.ts'
import { FRESH_ACK_MS, LEASE_MARGIN_MS, PEER_PROMISE_MS, type Voter } from './terms.ts'

/** What replaces or gives the second vote at this instant (monotonic ms); the strongest first. */
export function basisOf(state: VoteState, now: number): Basis | undefined {
  if (state.peer === undefined) return 'alone'
  if (state.heldStandDown > 0) return 'stand-down'
  if (state.peerLeaseUntil > now) return 'peer'
  if (state.controlPlaneLeaseUntil > now) return 'control-plane'
  return state.peerOffUntil > now ? 'peer-off' : undefined
}

/** The epoch in which this agent may act at this instant; undefined when it may not. */
export function mayAct(state: VoteState, now: number): number | undefined {
  if (state.role.name !== 'active' || basisOf(state, now) === undefined) return undefined
  return state.role.epoch
}

/** What is known of an intent that is on the local disk. */
export interface Intent {
  epoch: number
  /** Who acknowledged it, and when (monotonic ms) that was asked for; absent under a proof and alone. */
  acknowledged?: { by: Voter; askedAt: number }
}

/**
 * Whether the effect of this intent may leave in this very turn of the event loop (spec redundancy.md,
 * "Sending an effect"). The second vote's holder must have acknowledged it; without a second vote the local
 * disk is enough.
 */
export function mayFire(state: VoteState, { epoch, acknowledged }: Intent, now: number): boolean {
  const { role } = state
  if (role.name !== 'active' || role.epoch !== epoch) return false
  const basis = basisOf(state, now)
  if (basis === 'alone' || basis === 'stand-down') return true
  if (basis === 'peer-off') return state.peerOffUntil > now + LEASE_MARGIN_MS
  if (acknowledged === undefined || now - acknowledged.askedAt > FRESH_ACK_MS) return false
  const until = acknowledged.by === 'peer' ? state.peerLeaseUntil : state.controlPlaneLeaseUntil
  return until > now + LEASE_MARGIN_MS
}

/** Where the next intent has to be acknowledged before its effect; undefined when nowhere else. */
export function acknowledger(state: VoteState, now: number): Voter | undefined {
  const basis = basisOf(state, now)
  return basis === 'peer' || basis === 'control-plane' ? basis : undefined
}

/** Whether this agent, as the holder of the second vote, may acknowledge an intent of the peer now. */
export function acknowledges(
  state: VoteState,
  intent: { start: number; epoch: number },
  now: number,
): boolean {
  return (
    state.votedForPeer &&
    state.writes.length === 0 &&
    state.promisedUntil > now &&
    state.peerStart === intent.start &&
    state.ballot.epoch === intent.epoch
  )
}

export type SwitchOverRefusal = 'not-active' | 'no-peer-vote' | 'standby-not-in-sync'

/** Why the active role cannot be handed over now; undefined when it can (spec domain.md §7). */
export function judgeSwitchOver(state: VoteState, now: number): SwitchOverRefusal | undefined {
  if (mayAct(state, now) === undefined) return 'not-active'
  if (basisOf(state, now) !== 'peer' || state.writes.length > 0) return 'no-peer-vote'
  return state.standbyInSync ? undefined : 'standby-not-in-sync'
}

export type ShotRefusal =
  | 'single'
  | 'not-the-standby'
  | 'voters-reachable'
  | 'nothing-waits'
  | 'no-witness'
  | 'identity-unproven'
  | 'may-not-stand'

/**
 * Why this agent may not shoot the peer's management server now (spec redundancy.md, "When the peer's vote
 * cannot be had"). Only who last voted for the peer may, so of two at most one can.
 */
export function judgeShot(
  state: VoteState,
  asked: { requestWaits: boolean; witnessAnswers: boolean; identity: 'proven' | 'unproven' },
  now: number,
): ShotRefusal | undefined {
  if (state.peer === undefined) return 'single'
  if (!state.votedForPeer || state.ballot.votedFor !== state.peer) return 'not-the-standby'
  if (state.role.name === 'active' || state.role.name === 'candidate') return 'not-the-standby'
  const heardAt = Math.max(state.peerHeardAt, state.controlPlaneHeardAt)
  if (now - heardAt <= PEER_PROMISE_MS) return 'voters-reachable'
  const idle = state.ballot.stoodDown === 0 && !state.rolledBack && state.writes.length === 0
  if (!idle || state.quietUntil > now || state.promisedUntil > now) return 'may-not-stand'
  if (!asked.requestWaits) return 'nothing-waits'
  if (!asked.witnessAnswers) return 'no-witness'
  return asked.identity === 'proven' ? undefined : 'identity-unproven'
}
