// Opens one agent's part in the vote and moves it: (state, input, now) -> (state, effects). Pure; the agent,
// the tests and the simulation run this very function. `now` is monotonic ms of one boot.
import {
  candidacyOver,
  giveBack,
  renew,
  signedBack,
  standAlone,
  stood,
  tryToStand,
} from './candidate.ts'
import { hearControlPlane, hearPeer } from './hearing.ts'
import { judgeSwitchOver } from './lease.ts'
import {
  type AfterWrite,
  type Ballot,
  type Effect,
  FOLLOWER,
  type Input,
  type PeerPower,
  type VoteState,
} from './state.ts'
import {
  type ByAgent,
  CANDIDATE_SHARE,
  covers,
  merged,
  PEER_PROMISE_MS,
  RENEW_EVERY_MS,
} from './terms.ts'
import { answer, envelope, rollBack, stepDown, store, type Turn, turnOf, win } from './turn.ts'
import { voteStored } from './voter.ts'
import { mustSettle, peerOf, seatOf } from './voters.ts'
import { changeVoters, votersChanged, votersStored } from './voters-change.ts'

export interface Opening {
  me: string
  /** Counted by the journal, durable, from 1; never the same twice. */
  start: number
  ballot: Ballot
  heads: ByAgent
  committed: ByAgent
}

const NEVER = Number.NEGATIVE_INFINITY

/** A started agent. Of a pair it is quiet for as long as it last promised its vote. */
export function open(
  { me, start, ballot: read, heads, committed }: Opening,
  now: number,
): [VoteState, Effect[]] {
  const { voters } = read
  const rolledBack = (read.starts[me] ?? 0) > start
  const ballot = { ...read, starts: merged(read.starts, { [me]: start }) }
  const peer = peerOf(voters, me)
  const quietUntil = peer === undefined && !mustSettle(voters, me) ? now : now + ballot.promiseMs
  const seat = seatOf(voters, me)
  const state: VoteState = {
    me,
    start,
    seat,
    peer,
    voters,
    ballot,
    durable: ballot,
    writes: [],
    writeId: 0,
    number: 0,
    role: FOLLOWER,
    quietUntil,
    promisedUntil: NEVER,
    votedForPeer: false,
    peerLeaseUntil: NEVER,
    controlPlaneLeaseUntil: NEVER,
    peerOffUntil: NEVER,
    heldStandDown: 0,
    asks: [],
    echo: 0,
    peerStart: ballot.starts[peer ?? ''] ?? 0,
    peerAnswered: 0,
    peerHeardAt: NEVER,
    peerGoodAt: quietUntil,
    reachedPeer: false,
    peerHeads: undefined,
    standbyInSync: false,
    controlPlaneHeardAt: NEVER,
    // A start before this one may have left it there.
    controlPlaneVote: peer !== undefined,
    ticket: undefined,
    giveBackNumber: 0,
    heads,
    committed,
    told: committed,
    rolledBack,
    shooting: false,
    gap: false,
    storedBy: { agents: [me], controlPlane: false },
    tryAt: quietUntil + (seat === 'B' ? 150 : 0),
    renewAt: NEVER,
    giveBackAt: now,
    standDownAt: ballot.stoodDown > 0 ? now : Number.POSITIVE_INFINITY,
  }
  return step(state, { type: 'tick' }, now)
}

/** Moves by one input. The state given is left as it was. */
export function step(before: VoteState, input: Input, now: number): [VoteState, Effect[]] {
  const turn = turnOf(before, now)
  take(turn, input)
  for (let then = turn.due.shift(); then !== undefined; then = turn.due.shift()) proceed(turn, then)
  return [turn.state, turn.effects]
}

function take(turn: Turn, input: Input): void {
  switch (input.type) {
    case 'message':
      if (input.from === 'peer') return hearPeer(turn, input.message)
      return hearControlPlane(turn, input.message)
    case 'stored':
      return stored(turn, input.id)
    case 'journal':
      return journalGrew(turn, input.heads, input.committed)
    case 'peer-power':
      return peerRead(turn, input.read)
    case 'shot':
      turn.state.shooting = input.underWay
      return
    case 'switch-over':
      return switchOver(turn)
    case 'voters':
      return changeVoters(turn, input.voters)
    case 'voters-stored':
      return votersStored(turn, input.version, input.by)
    case 'tick':
      return tick(turn)
  }
}

function tick(turn: Turn): void {
  const { state, now } = turn
  const { role } = state
  if (state.peer === undefined) {
    if (role.name === 'follower' && now >= state.quietUntil) standAlone(turn)
    return
  }
  if (role.name === 'active') renew(turn, role.epoch)
  else if (role.name === 'follower' && now >= state.tryAt) tryToStand(turn)
  else if ((role.name === 'pre-candidate' || role.name === 'candidate') && now >= role.until) {
    candidacyOver(turn)
  }
  if (state.controlPlaneVote && now >= state.giveBackAt) giveBack(turn)
  if (now >= state.standDownAt) sayStandDown(turn)
}

function stored(turn: Turn, id: number): void {
  const { state } = turn
  const done = state.writes.filter((write) => write.id <= id)
  const last = done.at(-1)
  if (last === undefined) return
  state.durable = last.ballot
  state.writes = state.writes.filter((write) => write.id > id)
  turn.due.push(...done.flatMap(({ afterwards }) => afterwards))
}

function proceed(turn: Turn, then: AfterWrite): void {
  switch (then.type) {
    case 'answer':
      if (then.epoch === undefined) return answer(turn, then.verdict)
      return voteStored(turn, then.verdict, then.epoch)
    case 'stand':
      return stood(turn, then.epoch)
    case 'stand-down':
      return sayStandDown(turn)
    case 'sign-back':
      return signedBack(turn)
    case 'change-voters':
      return votersChanged(turn)
  }
}

function journalGrew(turn: Turn, heads: ByAgent, committed: ByAgent): void {
  const { state, now } = turn
  state.heads = merged(state.heads, heads)
  state.committed = merged(state.committed, committed)
  state.told = merged(state.told, committed)
  if (state.peerHeads && covers(state.heads, state.peerHeads)) state.reachedPeer = true
  if (state.rolledBack) return rollBack(turn)
  win(turn)
  if (state.heldStandDown > 0 && state.role.name === 'follower') state.tryAt = now
}

/** Nothing but a literal off, outlets held, identity proven, asked after the peer was last heard. */
function peerRead({ state }: Turn, { value, askedAt, held, identity }: PeerPower): void {
  const proves = value === 'off' && held && identity === 'proven' && askedAt > state.peerHeardAt
  state.peerOffUntil = proves ? askedAt + CANDIDATE_SHARE * PEER_PROMISE_MS : NEVER
}

function switchOver(turn: Turn): void {
  const { state, now } = turn
  const { role } = state
  if (judgeSwitchOver(state, now) !== undefined || role.name !== 'active') return
  const { epoch } = role
  stepDown(turn, 'switch-over')
  store(turn, { stoodDown: epoch }, { type: 'stand-down' })
}

/** Said again and again: it is also how the holder learns that this agent wants to be signed back. */
function sayStandDown(turn: Turn): void {
  const { state, now } = turn
  const epoch = state.durable.stoodDown
  if (epoch === 0 || state.ballot.stoodDown === 0) return
  state.standDownAt = now + RENEW_EVERY_MS
  const message = { ...envelope(state), type: 'stand-down' as const, epoch }
  turn.effects.push({ type: 'send', to: 'peer', message })
}
