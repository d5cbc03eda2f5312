// One agent's part in the vote for active: what it is, what may happen to it, what it asks for. `step` in
// step.ts moves it; it is a pure function of state, input and monotonic ms.
import type { ControlPlaneAnswer, PeerMessage, ToControlPlane, Verdict } from './messages.ts'
import { type ByAgent, PEER_PROMISE_MS, type Seat, type Voter } from './terms.ts'
import type { StoredBy, Voters } from './voters.ts'

/** What must be on the disk before anybody is told of it. */
export interface Ballot {
  readonly epoch: number
  readonly votedFor: string | undefined
  /** How long the last vote was promised: for so long a started agent gives none. */
  readonly promiseMs: number
  /** The epoch of its own stand-down until that is signed back; 0 for none. */
  readonly stoodDown: number
  /** The newest stand-down of the other agent that was signed back: up to it they are dead. */
  readonly returned: number
  readonly starts: ByAgent
  readonly voters: Voters
  /** Two of the voters before have stored this version, where that has to be awaited. */
  readonly settled: boolean
}

/** The ballot of an agent that has never voted. It waits like one that has: a lost disk looks the same. */
export function blankBallot(voters: Voters, settled: boolean): Ballot {
  return {
    epoch: 0,
    votedFor: undefined,
    promiseMs: PEER_PROMISE_MS,
    stoodDown: 0,
    returned: 0,
    starts: {},
    voters,
    settled,
  }
}

export type Role =
  | { readonly name: 'follower' }
  /** Asks whether it would be voted for; no epoch is taken yet. */
  | { readonly name: 'pre-candidate'; readonly until: number; readonly controlPlane: boolean }
  /** Its vote for itself is on its way to the disk. */
  | { readonly name: 'standing'; readonly epoch: number; readonly controlPlane: boolean }
  | { readonly name: 'candidate'; readonly epoch: number; readonly until: number }
  | { readonly name: 'active'; readonly epoch: number }

export const FOLLOWER: Role = { name: 'follower' }

export interface SentAsk {
  readonly number: number
  readonly to: Voter
  readonly at: number
  readonly preliminary: boolean
  readonly epoch: number
  /** Its journal when it asked. */
  readonly heads: ByAgent
}

/** What waits for a write of the ballot. */
export type AfterWrite =
  /** `epoch`: of the vote that it gives. */
  | { type: 'answer'; verdict: Verdict; epoch?: number }
  | { type: 'stand'; epoch: number }
  | { type: 'stand-down' }
  /** Asks anew, now that what it signed back is dead. */
  | { type: 'sign-back' }
  | { type: 'change-voters' }

export interface Write {
  readonly id: number
  readonly ballot: Ballot
  readonly afterwards: readonly AfterWrite[]
}

export interface VoteState {
  readonly me: string
  readonly start: number
  seat: Seat | undefined
  peer: string | undefined
  /** The voters that it has stored; the ballot may be ahead by a write. */
  voters: Voters
  ballot: Ballot
  /** The ballot as it is on the disk for certain. */
  durable: Ballot
  writes: readonly Write[]
  writeId: number
  /** Of the last message sent in this start. */
  number: number
  role: Role
  /** It was started: no vote before. */
  quietUntil: number
  /** Its vote is the peer's until then; infinite while that vote is on its way to the disk. */
  promisedUntil: number
  /** In this start its last vote was for the peer. */
  votedForPeer: boolean
  peerLeaseUntil: number
  controlPlaneLeaseUntil: number
  /** The peer was read off, and can act again no sooner than this. */
  peerOffUntil: number
  /** Epoch of the peer's stand-down that it holds; 0 for none. Of this start alone. */
  heldStandDown: number
  asks: readonly SentAsk[]
  /** Number of its newest message that the peer has answered. */
  echo: number
  peerStart: number
  /** Number of the peer's newest message that it has answered. */
  peerAnswered: number
  peerHeardAt: number
  /** When it last asked for what the peer then granted, or was asked for its vote. */
  peerGoodAt: number
  /** What the peer had when it answered an ask of this start, or signed this agent back. */
  peerHeads: ByAgent | undefined
  /** This agent has had all of that since. */
  reachedPeer: boolean
  /** The peer had, by its last granted answer, all that this agent had when it asked. */
  standbyInSync: boolean
  controlPlaneHeardAt: number
  /** The control plane may hold its vote for this agent. */
  controlPlaneVote: boolean
  /** Number of the newest give-back, unless an ask came after it; 0 for none. */
  giveBackNumber: number
  ticket: { readonly id: number; readonly since: number } | undefined
  heads: ByAgent
  committed: ByAgent
  /** What its voters have, and so it must have before it acts. */
  told: ByAgent
  /** It has fewer starts or records than others remember. */
  rolledBack: boolean
  /** A shot at the peer's management server is under way. */
  shooting: boolean
  /** Acted since its last standing without knowing all that was done before. */
  gap: boolean
  storedBy: StoredBy
  tryAt: number
  renewAt: number
  giveBackAt: number
  standDownAt: number
}

/** A read of the peer's management server. */
export interface PeerPower {
  value: 'off' | 'on' | 'unknown'
  /** Monotonic ms at which the read was asked for. */
  askedAt: number
  /** Its outlets are held off, or its BMC alone can power it on. */
  held: boolean
  /** The own system UUID equals the one that the own BMC tells. */
  identity: 'proven' | 'unproven'
}

export type Input =
  | { type: 'message'; from: 'peer'; message: PeerMessage }
  | { type: 'message'; from: 'control-plane'; message: ControlPlaneAnswer }
  /** The write with this id is durable. */
  | { type: 'stored'; id: number }
  /** The journal has grown. */
  | { type: 'journal'; heads: ByAgent; committed: ByAgent }
  | { type: 'peer-power'; read: PeerPower }
  /** Its shot at the peer's management server leaves, or nothing of it is under way any more. */
  | { type: 'shot'; underWay: boolean }
  /** The operator moves the active role to the peer; see `judgeSwitchOver`. */
  | { type: 'switch-over' }
  | { type: 'voters'; voters: Voters }
  /** These have stored the version that it holds. */
  | { type: 'voters-stored'; version: number; by: StoredBy }
  | { type: 'tick' }

export type Basis = 'alone' | 'peer' | 'control-plane' | 'stand-down' | 'peer-off'

export type StepDownReason =
  | 'lease-ended'
  | 'higher-epoch'
  | 'voted-for-peer'
  | 'switch-over'
  | 'signed-back'
  | 'voters-changed'
  | 'rolled-back'

export type Effect =
  | { type: 'send'; to: 'peer'; message: PeerMessage }
  | { type: 'send'; to: 'control-plane'; message: ToControlPlane }
  /** Comes back as `stored` once durable; a write that fails ends the agent. */
  | { type: 'store'; id: number; ballot: Ballot }
  /** `gap`: guarded pairs are closed and orders from before fail (spec redundancy.md). */
  | { type: 'act'; epoch: number; basis: Basis; gap: boolean }
  | { type: 'step-down'; epoch: number; reason: StepDownReason }
  /** Copy the journal up to these records from this voter; comes back as `journal`. */
  | { type: 'fetch'; from: Voter; heads: ByAgent }
  /** Read the peer's management server; comes back as `peer-power`. */
  | { type: 'look-at-peer' }
  /** The journal is copied: start anew with a number above this. */
  | { type: 'restart'; startAbove: number }

/** The earliest monotonic ms at which `tick` may change anything. */
export function wakeAt(state: VoteState): number {
  if (state.peer === undefined) {
    const waits = state.role.name === 'follower' && state.ballot.settled
    return waits ? state.quietUntil : Number.POSITIVE_INFINITY
  }
  const due = Math.min(roleWakesAt(state), state.standDownAt)
  return state.controlPlaneVote ? Math.min(due, state.giveBackAt) : due
}

function roleWakesAt(state: VoteState): number {
  const { role } = state
  switch (role.name) {
    case 'follower':
      return state.tryAt
    case 'pre-candidate':
    case 'candidate':
      return role.until
    case 'standing':
      return Number.POSITIVE_INFINITY
    case 'active':
      return Math.min(state.renewAt, leaseUntil(state))
  }
}

/** Monotonic ms until which it may act, were it active; infinite alone or with a stand-down in hand. */
export function leaseUntil(state: VoteState): number {
  if (state.heldStandDown > 0 || state.peer === undefined) return Number.POSITIVE_INFINITY
  return Math.max(state.peerLeaseUntil, state.controlPlaneLeaseUntil, state.peerOffUntil)
}
