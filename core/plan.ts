// The frozen plan of one reset: everything the ladder needs, so that a later change of configuration
// alters nothing under way (spec domain.md §8).
import type { RequiredGrade, SystemKind } from './site.ts'

export const RESET_MODES = ['ladder', 'soft', 'hard', 'pdu'] as const
export type ResetMode = (typeof RESET_MODES)[number]

export interface SystemAddress {
  cluster: string
  number: number
  address: string
  port: number
}

export interface PlannedFeed {
  pdu: string
  pduAddress: string
  outlet: number
}

export interface Plan {
  server: string
  kind: SystemKind
  /** The system that is to stop; absent for a server that carries none. */
  system?: SystemAddress | undefined
  mode: ResetMode
  softMethod: 'nmi' | 'none'
  hardMethod: 'reset' | 'off-on'
  /** From the soft request to the hard one, when no stop notice comes. */
  hardResetAfterMs: number
  /** How long the BMC may stay silent after the hard request. */
  hardResetTimeoutMs: number
  /** All feeds of the server; empty when PDU control is off, which is never "all off". */
  feeds: PlannedFeed[]
  /** From the recorded completion to power on; 0 keeps the feeds off until a restore. */
  pduRecoveryWaitMs: number
  holdUpMs: number
  requireGrade: RequiredGrade
  bmc: { address: string; port: number }
}
