// The agent as a voter: how it judges what its peer asks (spec redundancy.md, "Votes").
import { basisOf } from './lease.ts'
import type { Ask, Refusal, Verdict } from './messages.ts'
import { covers, merged, PEER_PROMISE_MS } from './terms.ts'
import { answer, stepDown, store, type Turn } from './turn.ts'

export function hearAsk(turn: Turn, ask: Ask): void {
  const { state } = turn
  const lastAnswered = state.peerAnswered
  const to = { start: ask.start, number: ask.number }
  const again = ask.start === state.peerStart && ask.number <= lastAnswered
  if (ask.start >= state.peerStart && !again) state.peerAnswered = ask.number
  const refusal = again ? 'overtaken' : judge(turn, ask, lastAnswered)
  const verdict: Verdict = { to, granted: refusal === undefined, promiseMs: PEER_PROMISE_MS }
  if (again) verdict.newest = lastAnswered
  if (refusal) verdict.refusal = refusal
  if (refusal || ask.preliminary) return answer(turn, verdict)
  vote(turn, ask, verdict)
}

/** Gives the vote: durable first, then the answer, and from the answer on the promise runs. */
function vote(turn: Turn, ask: Ask, verdict: Verdict): void {
  const { state } = turn
  if (state.role.name !== 'follower') stepDown(turn, 'voted-for-peer')
  state.votedForPeer = true
  state.promisedUntil = Number.POSITIVE_INFINITY
  store(
    turn,
    {
      epoch: ask.epoch,
      votedFor: ask.agent,
      promiseMs: PEER_PROMISE_MS,
    },
    { type: 'answer', verdict, epoch: ask.epoch },
  )
}

/** What is left of a vote once it is on the disk. */
export function voteStored(turn: Turn, verdict: Verdict, epoch: number): void {
  const { state, now } = turn
  state.promisedUntil = now + verdict.promiseMs
  state.tryAt = state.promisedUntil + (state.seat === 'A' ? 20 : 80)
  // A higher epoch was heard of while the disk wrote.
  if (state.ballot.epoch > epoch) {
    return answer(turn, { ...verdict, granted: false, refusal: 'old-epoch' })
  }
  state.peerGoodAt = now
  answer(turn, verdict)
}

function judge(turn: Turn, ask: Ask, lastAnswered: number): Refusal | undefined {
  const { state, now } = turn
  const { ballot, role } = state
  if (ask.voters !== state.voters.version) return 'voters-differ'
  if (ask.start < state.peerStart) return 'candidate-rolled-back'
  const own = judgeSelf(turn)
  if (own) return own
  if (ask.epoch < ballot.epoch) return 'old-epoch'
  if (role.name === 'active' && basisOf(state, now) !== undefined) return 'acting'
  const renewal = state.promisedUntil > now && ask.epoch === ballot.epoch
  if (!renewal && !covers(ask.heads, merged(state.heads, state.told))) return 'journal-behind'
  if (ask.preliminary) {
    return role.name === 'standing' || role.name === 'candidate' ? 'standing' : undefined
  }
  // One-way links: who does not hear this voter cannot tell the number of its last answer.
  return ask.echo === lastAnswered ? undefined : 'not-echoed'
}

/** Why this agent gives no vote to anybody. */
function judgeSelf({ state, now }: Turn): Refusal | undefined {
  if (state.seat === undefined) return 'voters-differ'
  if (state.ballot.stoodDown > 0) return 'stood-down'
  if (state.rolledBack) return 'voter-rolled-back'
  if (!state.ballot.settled) return 'voter-not-settled'
  if (state.quietUntil > now) return 'started'
  return state.shooting ? 'shooting' : undefined
}
