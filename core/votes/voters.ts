// Who votes: a versioned part of the site's signed document. One agent changes at a time (spec redundancy.md,
// "Votes"); of two versions, any two quorums then share a voter that has stored the newer one.
import type { Seat } from './terms.ts'

export interface Agents {
  readonly A?: string
  readonly B?: string
}

export interface Voters extends Agents {
  readonly version: number
  /** The agents of the version before; absent in the first one. */
  readonly before?: Agents
}

export function seatOf(voters: Agents, agent: string): Seat | undefined {
  if (voters.A === agent) return 'A'
  return voters.B === agent ? 'B' : undefined
}

export function peerOf(voters: Agents, agent: string): string | undefined {
  return voters.A === agent ? voters.B : voters.A
}

/** A single agent is its own quorum. */
export function isSingle({ A, B }: Agents): boolean {
  return (A === undefined) !== (B === undefined)
}

export type VotersFault =
  | 'not-the-next-version'
  | 'more-than-one-agent-changes'
  | 'no-agent'
  | 'same-agent-twice'

/** What forbids this change of voters; undefined when nothing does. */
export function judgeVotersChange(held: Voters, next: Voters): VotersFault | undefined {
  if (next.version !== held.version + 1) return 'not-the-next-version'
  if (next.before?.A !== held.A || next.before?.B !== held.B) return 'not-the-next-version'
  if (next.A === undefined && next.B === undefined) return 'no-agent'
  if (next.A === next.B) return 'same-agent-twice'
  const moved = next.A !== undefined && next.A === held.B
  if (moved || (next.B !== undefined && next.B === held.A)) return 'more-than-one-agent-changes'
  return held.A !== next.A && held.B !== next.B ? 'more-than-one-agent-changes' : undefined
}

/** Who has stored a change, as far as is known: names of agents, and the control plane. */
export interface StoredBy {
  readonly agents: readonly string[]
  readonly controlPlane: boolean
}

/**
 * True when two of the voters before have stored the change; of a single agent: that one. Until then the new
 * agent neither votes nor stands, and one that stays behind alone does not act alone.
 */
export function isSettled({ before }: Voters, by: StoredBy): boolean {
  if (before === undefined) return true
  const old = by.agents.filter((agent) => seatOf(before, agent) !== undefined).length
  if (isSingle(before)) return old === 1
  return old + (by.controlPlane ? 1 : 0) >= 2
}

/** Who must wait until the change is settled: an agent that was no voter, or one that is left alone. */
export function mustSettle(voters: Voters, agent: string): boolean {
  const { before } = voters
  if (before === undefined) return false
  return seatOf(before, agent) === undefined || (isSingle(voters) && !isSingle(before))
}
