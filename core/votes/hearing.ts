// What an agent learns from a message before it looks at what the message asks or answers.
import { hearAnswer } from './candidate.ts'
import type { ControlPlaneAnswer, PeerMessage, StandDown } from './messages.ts'
import { covers, merged, PEER_PROMISE_MS } from './terms.ts'
import { answer, learnHeads, learnOwnPast, stepDown, store, type Turn } from './turn.ts'
import { hearAsk } from './voter.ts'

export function hearPeer(turn: Turn, message: PeerMessage): void {
  const { state } = turn
  if (message.agent !== state.peer) return
  const rolledBack = message.start < state.peerStart
  // An answer or stand-down of a start that is over says nothing any more.
  if (rolledBack && message.type !== 'ask') return
  if (!rolledBack) learnFromPeer(turn, message)
  switch (message.type) {
    case 'ask':
      return hearAsk(turn, message)
    case 'stand-down':
      return hearStandDown(turn, message)
    case 'answer':
      if (message.refusal === 'journal-behind') learnHeads(turn, 'peer', message.heads)
      return hearAnswer(turn, 'peer', message)
  }
}

export function hearControlPlane(turn: Turn, message: ControlPlaneAnswer): void {
  const { state, now } = turn
  state.controlPlaneHeardAt = now
  learnEpoch(turn, message.known)
  learnOwnPast(turn, 'control-plane', message.starts, message.committed)
  learnHeads(turn, 'control-plane', message.committed)
  if (message.to.start !== state.start) return
  if (message.to.number === state.giveBackNumber) state.controlPlaneVote = false
  const { ticket } = message
  if (ticket !== undefined && state.ticket?.id !== ticket) state.ticket = { id: ticket, since: now }
  hearAnswer(turn, 'control-plane', message)
}

function learnFromPeer(turn: Turn, message: PeerMessage): void {
  const { state, now } = turn
  if (message.start > state.peerStart) {
    state.peerStart = message.start
    state.peerAnswered = 0
    // To be told to who comes back with fewer.
    store(turn, { starts: merged(state.ballot.starts, { [message.agent]: message.start }) })
  }
  state.peerHeardAt = now
  state.peerOffUntil = Number.NEGATIVE_INFINITY
  state.told = merged(state.told, message.committed)
  learnEpoch(turn, message.known)
  learnOwnPast(turn, 'peer', message.starts, message.heads)
  const { stoodDown } = state.ballot
  const signedBack = stoodDown > 0 && message.returned >= stoodDown
  if (signedBack) {
    store(turn, { stoodDown: 0 })
    state.standDownAt = Number.POSITIVE_INFINITY
    state.tryAt = now + PEER_PROMISE_MS
    // What the holder did meanwhile may be in its journal alone.
    state.reachedPeer = false
  }
  // Said after this start; anything else may have been under way since before it.
  const said = message.type === 'answer' && message.to.start === state.start
  if (!said && !signedBack) return
  state.peerHeads = message.heads
  if (covers(state.heads, message.heads)) state.reachedPeer = true
  else if (!state.reachedPeer) {
    turn.effects.push({ type: 'fetch', from: 'peer', heads: message.heads })
  }
}

/** Never act under an older epoch once a higher one is known. */
function learnEpoch(turn: Turn, known: number): void {
  const { state } = turn
  if (known <= state.ballot.epoch) return
  store(turn, { epoch: known })
  const { role } = state
  if (role.name === 'follower' || role.name === 'pre-candidate') return
  stepDown(turn, 'higher-epoch')
}

/** A stand-down replaces the vote of who signed it; one that was signed back is dead, also under way. */
function hearStandDown(turn: Turn, { epoch, heads, voters, start, number }: StandDown): void {
  const { state, now } = turn
  const { ballot } = state
  if (voters !== state.voters.version) return
  const reply = { to: { start, number }, granted: false, promiseMs: 0 } as const
  if (epoch <= ballot.returned) return answer(turn, reply)
  if (epoch < ballot.epoch || ballot.stoodDown > 0) {
    if (state.heldStandDown === epoch) return
    return store(turn, { returned: epoch }, { type: 'answer', verdict: reply })
  }
  if (state.role.name !== 'follower') stepDown(turn, 'higher-epoch')
  state.heldStandDown = epoch
  state.promisedUntil = Number.NEGATIVE_INFINITY
  state.tryAt = Math.max(now, state.quietUntil)
  learnHeads(turn, 'peer', heads)
}
