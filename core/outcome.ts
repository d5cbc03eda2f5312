// What is known of an act, and how well (spec architecture.md, "Outcomes").

export const GRADES = ['confirmed', 'acknowledged', 'assumed', 'unknown', 'failed'] as const
export type Grade = (typeof GRADES)[number]

export const RESULTS = ['DUMP', 'REBOOT', 'POFF', 'FAIL', 'ERROR'] as const
/** The answer to a reset request (spec domain.md §3). */
export type Result = (typeof RESULTS)[number]

export type Power = 'on' | 'off' | 'unknown'

/** One thing that was read or heard, from which device, when. */
export interface Evidence {
  /** `bmc:NAME`, `pdu:NAME/OUTLET` or `system:NUMBER`. */
  source: string
  /** What it said, in words that stand alone in an audit. */
  said: string
  /** Wall clock, RFC 3339. */
  at: string
}

export interface Conclusion {
  result: Result
  fenced: boolean
  grade: Grade
  evidence: Evidence[]
  /** Why, for a person: which outlet is stuck, which rung had no answer. */
  detail?: string | undefined
}

export type Recovery = 'none' | 'waiting' | 'restored' | 'partial' | 'failed' | 'held'
