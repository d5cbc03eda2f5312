// What the edge needs from its runtime. Node and Workers each bring one thin adapter.
import type { Clock, Random } from '../core/ports.ts'
import type { Db } from '../db/client.ts'
import type { NewOperatorEntry } from '../db/operator-log.ts'
import type { SentOrder } from '../db/orders.ts'
import type { PublicSigningJwk, SigningKey } from '../protocol/keys.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
/** Fields must never hold a secret; errors are given as `describeError` makes them. */
export type Log = (level: LogLevel, event: string, fields?: Record<string, unknown>) => void

export interface Listener {
  /**
   * Resolves at the next signal, at once if one came since the last call, or after `timeoutMs`. False when
   * the control plane stops: then nobody should wait on.
   */
  next(timeoutMs: number): Promise<boolean>
  close(): void
}

/** Wakes those who wait for a change. A hint: whoever is woken looks into the database. */
export interface Signals {
  notify(topic: string): void
  listen(topic: string): Listener
}

export interface Presence {
  agent: string
  connectedAtMs: number
  heardAtMs: number
}

/** The hubs of all sites, wherever they live. */
export interface Hubs {
  /** Sends what is undelivered and sets the alarm; when it returns, the hub watches the site's orders. */
  dispatch(site: string): Promise<void>
  /** Sends the newest site document to the connected agents that lack it. */
  publish(site: string): Promise<void>
  presence(site: string): Promise<Presence[]>
  /** Upgrades the request of an agent to its link. */
  accept(request: LinkRequest): Promise<Response> | Response
  /** The hub of a site that lives in this very process; left out where none does. */
  here?(site: string): Promise<HubHere | undefined>
}

/** An agent on a link: orders are stored as sent to it before they leave. */
export interface Recipient {
  link: string
  /** Of its key. */
  kid: string
  epoch: number
}

/** What spares a reset the second look at the database: whom it goes to is known before it is stored. */
export interface HubHere {
  recipient(): Recipient | undefined
  deliver(recipient: Recipient, orders: readonly SentOrder[]): Promise<void>
}

export interface LinkRequest {
  site: string
  /** The runtime's own request context. */
  context: unknown
}

export interface ControlPlaneKey {
  sign: SigningKey
  jwk: PublicSigningJwk
}

export interface Deps {
  db: Db
  clock: Clock
  random: Random
  signals: Signals
  hubs: Hubs
  key: ControlPlaneKey
  log: Log
  version: string
}

/** Where the entries of the operator log go. */
export interface OperatorLog {
  /**
   * Called when the answer is ready; neither waits nor throws. `context` is the runtime's own request
   * context: some runtimes must be told there of a write that outlasts its request.
   */
  record(entry: NewOperatorEntry, context: unknown): void
}

/** What the HTTP interface needs beyond what its routes do. */
export interface AppDeps extends Deps {
  operatorLog: OperatorLog
  /** Address of the other end of the connection, as far as the runtime knows it. */
  remoteAddress(context: unknown): string | undefined
}
