// What voters say to each other: plain JSON, no transport. Every message is numbered within the start of its
// sender, and an answer names what it answers (spec redundancy.md, "Votes").
import type { ByAgent } from './terms.ts'

/** What stands in every message of an agent. */
export interface Envelope {
  agent: string
  /** Start of the sender's process; with `number` it names the message. */
  start: number
  number: number
  /** Version of the voters that the sender has stored. */
  voters: number
  /** The highest epoch that the sender knows. */
  known: number
  /** The newest record of every agent in the sender's journal. */
  heads: ByAgent
  /** As much of it as is known to be in a second place: what a successor must have. */
  committed: ByAgent
  /** The highest start known of every agent. */
  starts: ByAgent
  /** Epoch of the newest stand-down of the other agent that the sender has signed back; 0 for none. */
  returned: number
}

/** Asks for a vote; `preliminary` only asks whether one would be given. */
export interface Ask extends Envelope {
  type: 'ask'
  preliminary: boolean
  epoch: number
  /** Number of the newest own message that this voter is known to have answered; 0 for none. */
  echo: number
  /** For the control plane: the refusal that the candidate waits by, and for how long it has, in ms. */
  ticket?: number
  waitedMs?: number
}

/** Gives the control plane's vote back, and voids every ask with a lower number. */
export interface GiveBack extends Envelope {
  type: 'give-back'
}

/** The sender neither votes nor stands, over restarts, until the receiver has signed it back. */
export interface StandDown extends Envelope {
  type: 'stand-down'
  /** The epoch in which it acted. */
  epoch: number
}

export type Refusal =
  | 'voters-differ'
  | 'candidate-rolled-back'
  | 'voter-rolled-back'
  | 'voter-not-settled'
  | 'started'
  | 'stood-down'
  | 'shooting'
  | 'old-epoch'
  | 'acting'
  | 'standing'
  | 'journal-behind'
  | 'not-echoed'
  /** The control plane's vote is with the other agent. */
  | 'held'
  /** This message, or a later one of the same agent, was here before. */
  | 'overtaken'

export interface Verdict {
  /** Of the message that is answered. */
  to: { start: number; number: number }
  granted: boolean
  refusal?: Refusal
  /** With `overtaken`: the newest number of that start that was here before. */
  newest?: number
  /** How long the vote is promised. */
  promiseMs: number
}

export interface PeerAnswer extends Envelope, Verdict {
  type: 'answer'
}

export interface ControlPlaneAnswer extends Verdict {
  type: 'control-plane-answer'
  voters: number
  known: number
  /** What the control plane holds or has been told: a candidate must have it. */
  committed: ByAgent
  starts: ByAgent
  /** The refusal by which to wait. */
  ticket?: number
}

export type PeerMessage = Ask | StandDown | PeerAnswer
export type ToControlPlane = Ask | GiveBack
