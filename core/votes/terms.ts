// Figures and small terms of the vote for active (spec redundancy.md, "Votes"). All durations in ms.

/** How long an agent's vote is promised to its candidate. */
export const PEER_PROMISE_MS = 2000
/** How long the control plane's vote may be used after it was asked for. */
export const CONTROL_PLANE_PROMISE_MS = 10_000
export const RENEW_EVERY_MS = 400
/** A candidate uses this share of a promise: two clocks may differ by 10 % each way. */
export const CANDIDATE_SHARE = 0.8
/** The control plane is asked once the peer has not granted for so long. */
export const MISSED_RENEWALS_MS = PEER_PROMISE_MS / 3
/** A vote held by the control plane goes to another candidate that waited so long, its holder silent. */
export const HELD_VOTE_WAIT_MS = 2 * CONTROL_PLANE_PROMISE_MS
/** An effect needs an acknowledgement of its intent that was asked for at most so long ago. */
export const FRESH_ACK_MS = 200
/** What must be left of the lease when an effect leaves. */
export const LEASE_MARGIN_MS = 100
/** The control plane's vote is renewed when its last granted ask is so old. */
export const RENEW_CONTROL_PLANE_MS = 2000
/** A candidacy, or the asking before it, ends after so long. */
export const CANDIDACY_MS = 500
/** A give-back is sent again until it is answered. */
export const GIVE_BACK_AGAIN_MS = 2000

/** A takes odd epochs, B even ones: one epoch never has two candidates. */
export type Seat = 'A' | 'B'

/** Who can be asked for a vote. */
export type Voter = 'peer' | 'control-plane'

/** By agent: its newest journal record, or its newest start. What is not named counts as 0. */
export type ByAgent = Readonly<Record<string, number>>

export function ownsEpoch(seat: Seat, epoch: number): boolean {
  return epoch % 2 === (seat === 'A' ? 1 : 0)
}

/** The lowest epoch of this seat above the given one. */
export function nextEpoch(seat: Seat, above: number): number {
  return ownsEpoch(seat, above + 1) ? above + 1 : above + 2
}

/** True when `held` lacks nothing of `wanted`. */
export function covers(held: ByAgent, wanted: ByAgent): boolean {
  for (const agent in wanted) if ((held[agent] ?? 0) < (wanted[agent] ?? 0)) return false
  return true
}

/** The higher of both for every agent; the first one itself when the other adds nothing. */
export function merged(held: ByAgent, told: ByAgent): ByAgent {
  if (covers(held, told)) return held
  const all: Record<string, number> = { ...held }
  for (const agent in told) all[agent] = Math.max(all[agent] ?? 0, told[agent] ?? 0)
  return all
}
