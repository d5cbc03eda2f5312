// What an agent's process of the crash matrix and the test that started it say to each other.
import type { JournalRecord } from '../../protocol/report.ts'
import type { JournalKill } from './journal-kill.ts'

export interface AgentStart {
  type: 'start'
  directory: string
  site: string
  agent: string
  bootId: string
  /** Of the control plane, public. */
  controlPlaneJwk: unknown
  /** Of the site, private. */
  siteJwk: unknown
  /** 0 takes any free one. */
  stopNoticePort: number
  reserveBytes: number
  kill: JournalKill | undefined
}

export type ToAgent =
  | AgentStart
  | { type: 'site'; token: string }
  | { type: 'order'; token: string; hubNowMs: number }
  /** Stands in for a word of the hub: everything durable is stored there. */
  | { type: 'acknowledge' }

export type FromAgent =
  | { type: 'up'; stopNoticePort: number }
  /** An append with records of orders is about to be written. */
  | { type: 'append'; kinds: string[] }
  | { type: 'durable'; records: JournalRecord[] }
  | { type: 'journalled'; order: string }
  | { type: 'failed'; said: string }
