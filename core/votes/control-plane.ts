// The third voter. It counts no time and keeps one row per site; a hub reads the row, asks `judgeVote`, and
// answers only after a conditional update of that very row, so that any number of hub processes is one voter
// (spec redundancy.md, "Votes").
import type { Ask, ControlPlaneAnswer, Refusal, ToControlPlane } from './messages.ts'
import {
  type ByAgent,
  CONTROL_PLANE_PROMISE_MS,
  covers,
  HELD_VOTE_WAIT_MS,
  merged,
} from './terms.ts'
import { seatOf, type Voters } from './voters.ts'

export interface VoteRow {
  readonly voters: Voters
  readonly epoch: number
  /** Whose its vote is until it is given back, or another has waited long enough. */
  readonly holder: { readonly agent: string; readonly start: number } | undefined
  /** The newest ask or give-back of every agent: what is older is void. */
  readonly newest: Readonly<Record<string, { readonly start: number; readonly number: number }>>
  /** The first refusal since the holder was last heard, and who waits by it. */
  readonly waiting:
    | { readonly agent: string; readonly start: number; readonly ticket: number }
    | undefined
  readonly tickets: number
  /** What it stores, or was told to be in two places. */
  readonly committed: ByAgent
  readonly starts: ByAgent
}

export function blankRow(voters: Voters): VoteRow {
  return {
    voters,
    epoch: 0,
    holder: undefined,
    newest: {},
    waiting: undefined,
    tickets: 0,
    committed: {},
    starts: {},
  }
}

export interface Judgement {
  /** To be stored before the answer leaves; the row itself when nothing changes. */
  row: VoteRow
  answer: ControlPlaneAnswer
}

/**
 * Judges one message. `stored` names the newest record of every agent in the control plane's own storage: a
 * candidate must have those too, and can copy them from there.
 */
export function judgeVote(before: VoteRow, message: ToControlPlane, stored: ByAgent): Judgement {
  const row = withRecords(before, stored)
  if (message.type === 'give-back') {
    if (isOvertaken(row, message)) return judged(row, message, 'overtaken')
    return judged(withoutVote(noteMessage(row, message), message.agent), message)
  }
  const refusal = refuse(row, message)
  if (refusal === 'held') return judged(letWait(row, message), message, refusal)
  if (refusal) return judged(row, message, refusal)
  if (message.preliminary) return judged(row, message)
  const { agent, start, epoch } = message
  return judged(
    { ...noteMessage(row, message), epoch, holder: { agent, start }, waiting: undefined },
    message,
  )
}

/**
 * Takes an intent of the active into the control plane's storage; undefined when its vote is not with that
 * very start and epoch, and so the intent must not be acknowledged.
 */
export function judgeIntent(
  row: VoteRow,
  intent: { agent: string; start: number; epoch: number; seq: number },
): VoteRow | undefined {
  const { agent, start, epoch, seq } = intent
  if (row.holder?.agent !== agent || row.holder.start !== start) return undefined
  if (row.epoch !== epoch) return undefined
  return { ...row, committed: merged(row.committed, { [agent]: seq }) }
}

function withRecords(row: VoteRow, stored: ByAgent): VoteRow {
  return covers(row.committed, stored) ? row : { ...row, committed: merged(row.committed, stored) }
}

/** The row under the next version of the voters. A removed agent's vote is waited out like a silent one's. */
export function withVoters(row: VoteRow, voters: Voters): VoteRow {
  return { ...row, voters }
}

function refuse(row: VoteRow, ask: Ask): Refusal | undefined {
  if (ask.voters !== row.voters.version) return 'voters-differ'
  if (seatOf(row.voters, ask.agent) === undefined) return 'voters-differ'
  if (ask.start < (row.starts[ask.agent] ?? 0)) return 'candidate-rolled-back'
  if (isOvertaken(row, ask)) return 'overtaken'
  if (ask.epoch < row.epoch) return 'old-epoch'
  const { holder } = row
  if (holder && holder.agent !== ask.agent && !hasWaited(row, ask)) return 'held'
  const renewal =
    holder?.agent === ask.agent && holder.start === ask.start && row.epoch === ask.epoch
  return renewal || covers(ask.heads, row.committed) ? undefined : 'journal-behind'
}

function isOvertaken(row: VoteRow, { agent, start, number }: ToControlPlane): boolean {
  const newest = row.newest[agent]
  if (newest === undefined) return false
  return start < newest.start || (start === newest.start && number <= newest.number)
}

function hasWaited({ waiting }: VoteRow, ask: Ask): boolean {
  return (
    waiting !== undefined &&
    waiting.agent === ask.agent &&
    waiting.start === ask.start &&
    waiting.ticket === ask.ticket &&
    (ask.waitedMs ?? 0) >= HELD_VOTE_WAIT_MS
  )
}

function letWait(row: VoteRow, { agent, start }: Ask): VoteRow {
  if (row.waiting?.agent === agent && row.waiting.start === start) return row
  const ticket = row.tickets + 1
  return { ...row, tickets: ticket, waiting: { agent, start, ticket } }
}

function noteMessage(row: VoteRow, message: ToControlPlane): VoteRow {
  const { agent, start, number } = message
  return {
    ...row,
    newest: { ...row.newest, [agent]: { start, number } },
    committed: merged(row.committed, message.committed),
    starts: merged(row.starts, message.starts),
  }
}

function withoutVote(row: VoteRow, agent: string): VoteRow {
  return row.holder?.agent === agent ? { ...row, holder: undefined } : row
}

function judged(row: VoteRow, message: ToControlPlane, refusal?: Refusal): Judgement {
  const answer: ControlPlaneAnswer = {
    type: 'control-plane-answer',
    to: { start: message.start, number: message.number },
    granted: refusal === undefined && message.type === 'ask',
    promiseMs: CONTROL_PLANE_PROMISE_MS,
    voters: row.voters.version,
    known: row.epoch,
    committed: row.committed,
    starts: row.starts,
  }
  if (refusal) answer.refusal = refusal
  const newest = row.newest[message.agent]
  if (refusal === 'overtaken' && newest?.start === message.start) answer.newest = newest.number
  if (refusal === 'held' && row.waiting) answer.ticket = row.waiting.ticket
  return { row, answer }
}
