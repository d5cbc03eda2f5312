// What a hub needs from its runtime, and what it remembers of each connection.
import type { Clock, Random } from '../core/ports.ts'
import type { Db } from '../db/client.ts'
import type { SigningKey } from '../protocol/keys.ts'
import type { Log, Signals } from './ports.ts'

/** What the hub knows of one connection; plain JSON, so that it can outlive a sleeping hub. */
export interface LinkState {
  nonce: string
  openedAtMs: number
  /** Set by a good hello. */
  agent?: string
  kid?: string
  epoch?: number
  /** Of the site document that the agent holds or was sent. */
  revision?: number
  /** False for an agent that lost part of its journal: it might run an order twice. */
  trusted?: boolean
}

export interface Sockets {
  /** Those that are up; not one that is being closed. */
  list(): { id: string; state: LinkState }[]
  find(id: string): LinkState | undefined
  remember(id: string, state: LinkState): void
  send(id: string, text: string): void
  close(id: string, code: number, reason: string): void
  /** When anything was last heard on the connection, pings included. */
  heardAtMs(id: string): number
}

export interface HubPorts {
  site: string
  db: Db
  clock: Clock
  random: Random
  key: SigningKey
  sockets: Sockets
  /** One alarm per hub: a later call replaces the instant (epoch ms); undefined sets none. */
  setAlarm(atMs: number | undefined): void | Promise<void>
  /**
   * How often links are looked at that were heard of meanwhile. Left out: as soon as one could be silent, which
   * would wake a hub that sleeps twice a minute.
   */
  sweepEveryMs?: number
  signals: Signals
  log: Log
}
