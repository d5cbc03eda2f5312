// Acts on a server that are not resets: restores and tests (spec domain.md §9). They are ended by any reset.
import type { SupplyLoss } from './supply-log.ts'

export const OPERATIONS = ['restore', 'soft-reset-test', 'pdu-test'] as const
export type OperationKind = (typeof OPERATIONS)[number]

/** P: a server; M: a management server, as outlets show their owner (spec domain.md §5). */
export type MachineClass = 'P' | 'M'

/** Names are unique over servers and management servers of a site. */
export interface OperationTarget {
  server: string
  /** Absent: a server. */
  class?: 'M' | undefined
}

export interface Outlet {
  pdu: string
  outlet: number
}

export const PDU_TEST_MODES = ['same', 'serial'] as const

/** Which exercise a test is part of, and what was asked of that as a whole. */
export interface ExerciseOfTest {
  id: string
  /** Of servers; a management server's feeds stay off for longer. */
  offTimeMs: number
  trustUnregistered: boolean
}

export interface PduTestSettings {
  /** All feeds off together, then on; or feed by feed off and on. */
  mode: (typeof PDU_TEST_MODES)[number]
  /** Only the feeds of this PDU; serial only. */
  pdu?: string | undefined
  offTimeMs: number
  /** From one feed that is good again to the next cut; serial only. */
  waitTimeMs: number
  /** The HA software was left up on purpose, to try the failover. */
  leaveUp: boolean
  /** Of a test that is part of an exercise. */
  exercise?: ExerciseOfTest | undefined
}

export const FEED_VERDICTS = ['right', 'mis-cabled', 'not-logged', 'not-back'] as const

/** What one cut of a serial test showed of the wiring. */
export interface FeedFinding extends Outlet {
  /**
   * - `right`: a supply of this server logged the loss and its return.
   * - `mis-cabled`: another server logged them.
   * - `not-logged`: nobody did.
   * - `not-back`: the loss was logged and its return was not.
   */
  verdict: (typeof FEED_VERDICTS)[number]
  loss?: SupplyLoss | undefined
}

export interface OperationEnding {
  status: 'done' | 'failed' | 'aborted'
  /** Why not, as a stable word. */
  code?: string | undefined
  detail: string
  /** Of a serial PDU test, in the order of the cuts. */
  feeds?: FeedFinding[] | undefined
  /** A serial test of all feeds showed that each is a supply of this server, and that there is no other. */
  wiringProven?: boolean | undefined
}
