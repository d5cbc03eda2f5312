// An agent takes the next version of the voters. To store it counts like a vote for it, so who may not vote
// does not store it either (spec redundancy.md, "Votes").

import { CONTROL_PLANE_PROMISE_MS } from './terms.ts'
import { blankPeer, stepDown, store, type Turn } from './turn.ts'
import type { StoredBy, Voters } from './voters.ts'
import { isSettled, isSingle, judgeVotersChange, mustSettle, peerOf, seatOf } from './voters.ts'

export function changeVoters(turn: Turn, voters: Voters): void {
  const { state, now } = turn
  if (judgeVotersChange(state.ballot.voters, voters) !== undefined) return
  const mayVote =
    state.ballot.stoodDown === 0 &&
    !state.rolledBack &&
    state.ballot.settled &&
    now >= state.quietUntil
  if (!mayVote) return
  store(turn, { voters, settled: !mustSettle(voters, state.me) }, { type: 'change-voters' })
}

export function votersChanged(turn: Turn): void {
  const { state, now } = turn
  const { voters } = state.durable
  const peer = peerOf(voters, state.me)
  const same = peer === state.peer && seatOf(voters, state.me) === state.seat
  state.voters = voters
  state.storedBy = { agents: [state.me], controlPlane: false }
  if (same) return
  // A promise given to the agent before runs on: it holds against the new one too.
  state.quietUntil = Math.max(state.quietUntil, state.promisedUntil)
  if (state.role.name !== 'follower') stepDown(turn, 'voters-changed')
  blankPeer(state)
  state.peer = peer
  state.peerStart = state.ballot.starts[peer ?? ''] ?? 0
  state.seat = seatOf(voters, state.me)
  state.tryAt = Math.max(now, state.quietUntil)
  // An agent that was alone has missed nothing.
  const { before } = voters
  state.reachedPeer =
    before !== undefined && isSingle(before) && seatOf(before, state.me) !== undefined
}

/** Counts who has stored the version that it holds. The leases of before have ended once it is settled. */
export function votersStored(turn: Turn, version: number, by: StoredBy): void {
  const { state, now } = turn
  if (version !== state.voters.version || state.ballot.settled) return
  state.storedBy = {
    agents: [...new Set([...state.storedBy.agents, ...by.agents])],
    controlPlane: state.storedBy.controlPlane || by.controlPlane,
  }
  if (!isSettled(state.voters, state.storedBy)) return
  store(turn, { settled: true })
  const { before } = state.voters
  if (before && !isSingle(before)) {
    state.quietUntil = Math.max(state.quietUntil, now + CONTROL_PLANE_PROMISE_MS)
    state.tryAt = state.quietUntil
  }
}
