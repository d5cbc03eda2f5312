// The rules of redundancy.md, weakened one at a time around core/votes: each row of the table "What breaks when
// a rule is weakened", and some more. The simulation must find every one; a rule whose loss it cannot see is a
// rule that it does not prove.
import type { VoteRow } from '../../../core/votes/control-plane.ts'
import type { ToControlPlane } from '../../../core/votes/messages.ts'
import type { Effect, Input, VoteState } from '../../../core/votes/state.ts'
import { CANDIDATE_SHARE, HELD_VOTE_WAIT_MS } from '../../../core/votes/terms.ts'
import { CORE_RULES, type Rules } from '../votes/rules.ts'
import type { ProfileName } from '../votes/storm.ts'
import type { Violation } from '../votes/watch.ts'

export interface Weakening {
  name: string
  profile: ProfileName
  /** What must come of it. */
  breaks: Violation['rule']
  /** Rules for one run: some remember what happened in it. */
  rules(): Rules
  /** A seed that is known to find it. */
  seed: number
}

type Step = Rules['step']

/** Passes every input through `change` first. */
function hearing(change: (input: Input, state: VoteState) => Input): Rules {
  const step: Step = (state, input, now) => CORE_RULES.step(state, change(input, state), now)
  return { ...CORE_RULES, step }
}

/** Looks at every turn once more before it counts. */
function afterwards(
  change: (turned: [VoteState, Effect[]], before: VoteState, now: number) => [VoteState, Effect[]],
): Rules {
  const step: Step = (state, input, now) => change(CORE_RULES.step(state, input, now), state, now)
  return { ...CORE_RULES, step }
}

function fromLatestAsk(input: Input, { asks, role }: VoteState): Input {
  if (input.type !== 'message') return input
  const { message, from } = input
  if (message.type === 'ask' || message.type === 'stand-down' || !message.granted) return input
  if (role.name !== 'candidate' && role.name !== 'active') return input
  const { epoch } = role
  const latest = asks.findLast((ask) => ask.to === from && !ask.preliminary && ask.epoch === epoch)
  if (latest === undefined) return input
  const to = { ...message.to, number: latest.number }
  return { ...input, message: { ...message, to } } as Input
}

function fullPromise(input: Input): Input {
  if (input.type !== 'message') return input
  const { message } = input
  if (message.type === 'ask' || message.type === 'stand-down') return input
  const promiseMs = message.promiseMs / CANDIDATE_SHARE
  return { ...input, message: { ...message, promiseMs } } as Input
}

/** No word of a stand-down's death reaches who reads it. */
function deadStandDown(input: Input, { ballot }: VoteState): Input {
  if (input.type !== 'message' || input.message.type !== 'stand-down') return input
  const epoch = Math.max(input.message.epoch, ballot.epoch, ballot.returned + 1)
  return { ...input, message: { ...input.message, epoch } } as Input
}

function unknownIsOff(input: Input, { peerOffUntil }: VoteState): Input {
  if (input.type !== 'peer-power' || input.read.value !== 'unknown') return input
  return peerOffUntil > 0 ? { ...input, read: { ...input.read, value: 'off', held: true } } : input
}

function deafToHistory(input: Input, { heads }: VoteState): Input {
  if (input.type !== 'message') return input
  return { ...input, message: { ...input.message, heads, committed: {} } } as Input
}

function deafToEpochs(input: Input, { ballot }: VoteState): Input {
  if (input.type !== 'message') return input
  const known = Math.min(input.message.known, ballot.epoch)
  return { ...input, message: { ...input.message, known } } as Input
}

function countedByTheWall(): Rules {
  let until = Number.NEGATIVE_INFINITY
  const judgeVote: Rules['judgeVote'] = (row, message, stored, wallMs) => {
    const over = row.holder && row.holder.agent !== message.agent && wallMs >= until
    const [held, asked] = over ? waitedFor(row, message) : [row, message]
    const judged = CORE_RULES.judgeVote(held, asked, stored, wallMs)
    if (message.type === 'ask' && !message.preliminary && judged.answer.granted) {
      until = wallMs + HELD_VOTE_WAIT_MS
    }
    return judged
  }
  return { ...CORE_RULES, judgeVote }
}

function waitedFor(row: VoteRow, message: ToControlPlane): [VoteRow, ToControlPlane] {
  const { agent, start } = message
  const waiting = { agent, start, ticket: 0 }
  return [
    { ...row, waiting },
    { ...message, ticket: 0, waitedMs: HELD_VOTE_WAIT_MS } as ToControlPlane,
  ]
}

function rejoinsByItself(): Rules {
  const since = new Map<string, number>()
  const step: Step = (state, input, now) => {
    const { stoodDown } = state.durable
    const key = `${state.me} ${state.start} ${stoodDown}`
    if (stoodDown > 0 && !since.has(key)) since.set(key, now)
    if (stoodDown === 0 || now - (since.get(key) ?? now) < 2000) {
      return CORE_RULES.step(state, input, now)
    }
    const ballot = { ...state.ballot, stoodDown: 0 }
    const free = { ...state, ballot, durable: ballot, standDownAt: Number.POSITIVE_INFINITY }
    return CORE_RULES.step(free, input, now)
  }
  return { ...CORE_RULES, step }
}

/** Whoever does not act says that it was the standby. */
const wasStandby: Rules['judgeShot'] = (state, asked, now) => {
  const ballot = { ...state.ballot, votedFor: state.peer, stoodDown: 0 }
  return CORE_RULES.judgeShot({ ...state, votedForPeer: true, ballot }, asked, now)
}

const startsAtOnce: Rules['open'] = (opening, now) =>
  CORE_RULES.open({ ...opening, ballot: { ...opening.ballot, promiseMs: 0 } }, now)

function keepsWhatItGaveBack(): Rules {
  return afterwards(([state, effects], before) => {
    const gave = effects.some(({ type, ...rest }) => type === 'send' && isGiveBack(rest))
    const { controlPlaneLeaseUntil } = before
    return gave ? [{ ...state, controlPlaneLeaseUntil }, effects] : [state, effects]
  })
}

function isGiveBack(effect: object): boolean {
  return 'message' in effect && (effect.message as { type: string }).type === 'give-back'
}

function actsWithoutGap(): Rules {
  return afterwards(([state, effects]) => [
    state,
    effects.map((effect) => (effect.type === 'act' ? { ...effect, gap: false } : effect)),
  ])
}

/** The rows of the table in redundancy.md. */
export const TABLE: readonly Weakening[] = [
  {
    name: 'restarted agent votes for itself at once',
    breaks: 'two active',
    profile: 'leases',
    rules: () => ({ ...CORE_RULES, open: startsAtOnce }),
    seed: 24,
  },
  {
    name: 'answer counted from the latest ask',
    breaks: 'two active',
    profile: 'leases',
    rules: () => hearing(fromLatestAsk),
    seed: 289,
  },
  {
    name: 'control plane counts 2 D on a wall clock that may step',
    breaks: 'two active',
    profile: 'mixed',
    rules: countedByTheWall,
    seed: 93,
  },
  {
    name: 'two hub processes for one site, a row each',
    breaks: 'two active',
    profile: 'mixed',
    rules: () => ({ ...CORE_RULES, oneRow: false }),
    seed: 1,
  },
  {
    name: 'an agent that stood down rejoins by itself',
    breaks: 'two active',
    profile: 'roles',
    rules: rejoinsByItself,
    seed: 1,
  },
  {
    name: 'stand-down overtaken by its own return',
    breaks: 'two active',
    profile: 'roles',
    rules: () => hearing(deadStandDown),
    seed: 35,
  },
  {
    name: 'proof of off survives an unknown read',
    breaks: 'two active',
    profile: 'proofs',
    rules: () => hearing(unknownIsOff),
    seed: 98,
  },
  {
    name: 'lease alone gates the effect, virtual machine paused',
    breaks: 'two active',
    profile: 'pauses',
    rules: () => ({ ...CORE_RULES, acknowledged: false }),
    seed: 434,
  },
  {
    name: 'shoots if it was standby',
    breaks: 'both shot',
    profile: 'proofs',
    rules: () => ({ ...CORE_RULES, judgeShot: wasStandby }),
    seed: 2,
  },
  {
    name: 'acts under a proof that nobody knows of, and nobody minds the gap',
    breaks: 'acts without history',
    profile: 'proofs',
    rules: actsWithoutGap,
    seed: 1,
  },
]

/** Rules that the table takes for granted. */
export const MORE: readonly Weakening[] = [
  {
    name: 'candidate uses the whole promise',
    breaks: 'two active',
    profile: 'leases',
    rules: () => hearing(fullPromise),
    seed: 207,
  },
  {
    name: 'answers before its vote is on the disk',
    breaks: 'acts without history',
    profile: 'roles',
    rules: () => ({ ...CORE_RULES, synced: false }),
    seed: 501,
  },
  {
    name: 'acts on a vote that it gave back',
    breaks: 'two active',
    profile: 'mixed',
    rules: keepsWhatItGaveBack,
    seed: 4,
  },
  {
    name: 'acts without what its voters have',
    breaks: 'acts without history',
    profile: 'roles',
    rules: () => hearing(deafToHistory),
    seed: 4,
  },
  {
    name: 'goes on in an epoch lower than one it knows',
    breaks: 'lower epoch than known',
    profile: 'roles',
    rules: () => hearing(deafToEpochs),
    seed: 3,
  },
]
