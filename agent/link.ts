// The one WebSocket to the hub, always dialled from inside. Orders come in, records go out; what the hub has
// not confirmed stays in the journal, so a cut loses nothing.
import { type Dispatcher, WebSocket } from 'undici'
import type { Cancel, Clock, Random } from '../core/ports.ts'
import { signHead, signHello } from '../protocol/chain.ts'
import { type HubTime, hubNow, noteHubTime } from '../protocol/hub-time.ts'
import { printable, TOKEN_MAX } from '../protocol/jws.ts'
import type { SigningKey } from '../protocol/keys.ts'
import {
  type FromAgent,
  type FromHub,
  fromHubSchema,
  LINK_PATH,
  PING_TEXT,
} from '../protocol/link.ts'
import { PROTOCOL_VERSION } from '../protocol/version.ts'
import { type ConnectFaults, watchConnectFaults } from './connect-fault.ts'
import type { Journal } from './journal/journal.ts'

const PING_EVERY_MS = 10_000
/** Without any message for so long the link is dead. */
const DEAD_AFTER_MS = 25_000
/** From dialling to the hub's welcome. */
const WELCOME_WITHIN_MS = 15_000
const RECEIVED_WITHIN_MS = 30_000
/** A link that lasted so long is no part of a row of failures. */
const STEADY_AFTER_MS = 10_000
/** Effects leave first, and records of one moment go in one report. */
const REPORT_DELAY_MS = 5
const RETRY_FIRST_MS = 250
const RETRY_MAX_MS = 10_000

/** Full jitter: agents that lost one hub together do not come back together. */
export function retryDelayMs(failures: number, fraction: number): number {
  const ceilingMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 16))
  return ceilingMs * fraction
}

export interface HubLinkState {
  phase: 'stopped' | 'connecting' | 'connected' | 'waiting'
  /** Why it is not connected, for a person. */
  detail: string
}

export interface HubLinkOptions {
  /** Base URL of the control plane, http(s). */
  url: string
  site: string
  agent: string
  /** Of this software. */
  version: string
  key: SigningKey
  journal: Journal
  clock: Clock
  random: Random
  /** Of the site document held; 0 for none. */
  revision(): number
  /** `hubNowMs` is the time by which the order's expiry is judged. */
  onOrder(token: string, hubNowMs: number): void
  onSite(token: string): void
  onState?(state: HubLinkState): void
  /** The hub holds records that this journal does not: the agent must not act until that is resolved. */
  onRolledBack(detail: string): void
  dispatcher?: Dispatcher
  /** Default: a WebSocket over the network. */
  dial?: (address: string) => LinkSocket
}

/** What the link needs of a WebSocket: it is dialled when it is made. */
export interface LinkSocket {
  addEventListener(type: 'close', listener: (event: { code: number; reason: string }) => void): void
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
  send(text: string): void
  close(): void
}

interface Connection {
  socket: LinkSocket
  over: boolean
  challenged: boolean
  welcomed: boolean
  heardAt: number
  timers: Set<Cancel>
  /** Sequence of the report that is not confirmed yet; 0 while one is being made. */
  reporting: number | undefined
  receivedTimer?: Cancel
}

export class HubLink {
  readonly #options: HubLinkOptions
  #state: HubLinkState = { phase: 'stopped', detail: 'not started' }
  #time: HubTime | undefined
  #connection: Connection | undefined
  #failures = 0
  #retry: Cancel | undefined
  #pump: Cancel | undefined
  #unlisten: Cancel | undefined
  #faults: ConnectFaults | undefined

  constructor(options: HubLinkOptions) {
    this.#options = options
  }

  get state(): HubLinkState {
    return this.#state
  }

  /** The hub's time in epoch ms; undefined before it ever told one. */
  hubNowMs(): number | undefined {
    return hubNow(this.#time, this.#options.clock.now())
  }

  start(): void {
    if (this.#unlisten !== undefined) return
    this.#unlisten = this.#options.journal.onDurable(() => this.#reportSoon())
    this.#faults = watchConnectFaults(this.#options.url)
    this.#dial()
  }

  stop(): void {
    this.#end('stopped')
  }

  /** Tells the hub that it need not send this order again. When cut off it sends it, and asks, again. */
  journalled(order: string): void {
    const connection = this.#connection
    if (connection?.welcomed) this.#send(connection, { type: 'journalled', order })
  }

  #end(detail: string): void {
    this.#unlisten?.()
    this.#retry?.()
    this.#pump?.()
    this.#faults?.stop()
    this.#unlisten = this.#retry = this.#pump = this.#faults = undefined
    if (this.#connection !== undefined) this.#close(this.#connection)
    this.#enter({ phase: 'stopped', detail })
  }

  #enter(state: HubLinkState): void {
    this.#state = state
    this.#options.onState?.(state)
  }

  #dial(): void {
    const { clock, dispatcher, dial } = this.#options
    this.#enter({ phase: 'connecting', detail: this.#state.detail })
    const socket: LinkSocket = dial
      ? dial(this.#address())
      : new WebSocket(this.#address(), dispatcher === undefined ? {} : { dispatcher })
    const connection: Connection = {
      socket,
      over: false,
      challenged: false,
      welcomed: false,
      heardAt: clock.now(),
      timers: new Set(),
      reporting: undefined,
    }
    this.#connection = connection
    socket.addEventListener('close', ({ code, reason }) => {
      this.#lost(connection, this.#whyClosed(connection, code, reason))
    })
    socket.addEventListener('message', ({ data }) => this.#hear(connection, data))
    this.#later(connection, WELCOME_WITHIN_MS, () => {
      if (!connection.welcomed) this.#lost(connection, 'the hub did not welcome in time')
    })
  }

  #whyClosed(connection: Connection, code: number, reason: string): string {
    const fault = this.#faults?.take() ?? ''
    if (reason !== '') return `the hub closed the link: ${printable(reason)} (${code})`
    if (connection.challenged) return `the link was cut (${code})`
    const said = fault || 'it answers, but not as a hub'
    return `no connection to ${this.#options.url}: ${said}`
  }

  #address(): string {
    const { url, site, agent } = this.#options
    const address = new URL(`${url.replace(/^http/, 'ws').replace(/\/+$/, '')}${LINK_PATH}`)
    address.search = new URLSearchParams({ site, agent }).toString()
    return address.href
  }

  #later(connection: Connection, delayMs: number, act: () => void): Cancel {
    const cancel = this.#options.clock.after(delayMs, () => {
      connection.timers.delete(cancel)
      if (!connection.over) act()
    })
    connection.timers.add(cancel)
    return cancel
  }

  /** Any way in which a connection can end leads here once; the next one is dialled after a while. */
  #lost(connection: Connection, detail: string): void {
    if (connection.over) return
    this.#close(connection)
    const { clock, random } = this.#options
    this.#failures += 1
    const delayMs = retryDelayMs(this.#failures, random.fraction())
    this.#enter({ phase: 'waiting', detail })
    this.#retry = clock.after(delayMs, () => this.#dial())
  }

  #close(connection: Connection): void {
    connection.over = true
    for (const cancel of connection.timers) cancel()
    connection.timers.clear()
    this.#connection = undefined
    connection.socket.close()
  }

  #send(connection: Connection, message: FromAgent): void {
    if (!connection.over) connection.socket.send(JSON.stringify(message))
  }

  #hear(connection: Connection, data: unknown): void {
    if (connection.over) return
    connection.heardAt = this.#options.clock.now()
    if (typeof data !== 'string' || data.length > TOKEN_MAX) {
      return this.#lost(connection, 'the hub sent something that is not a message')
    }
    const message = parseMessage(data)
    // A later hub may say more than this version knows.
    if (message === undefined) return
    if (message.nowMs !== undefined) {
      this.#time = noteHubTime(this.#time, message.nowMs, connection.heardAt)
    }
    if (message.type === 'challenge') void this.#answer(connection, message)
    else if (message.type === 'welcome') this.#welcomed(connection, message.received)
    else if (connection.welcomed) this.#take(connection, message)
  }

  #take(connection: Connection, message: FromHub): void {
    switch (message.type) {
      case 'order':
        return this.#options.onOrder(message.token, this.hubNowMs() ?? message.nowMs)
      case 'site':
        return this.#options.onSite(message.token)
      case 'received':
        return this.#received(connection, message.seq)
      default:
    }
  }

  async #answer(connection: Connection, { v, nonce }: Extract<FromHub, { type: 'challenge' }>) {
    if (connection.challenged) return
    connection.challenged = true
    if (v !== PROTOCOL_VERSION) {
      const said = `the hub speaks version ${v}, this agent version ${PROTOCOL_VERSION}`
      return this.#lost(connection, said)
    }
    const { site, agent, journal, version, key } = this.#options
    const { start, epoch } = journal
    const head = journal.durable.seq
    const revision = this.#options.revision()
    const token = await signHello(
      { v: PROTOCOL_VERSION, site, agent, nonce, start, epoch, head, revision, version },
      key,
    )
    this.#send(connection, { type: 'hello', token })
  }

  #welcomed(connection: Connection, received: number): void {
    if (connection.welcomed || !this.#acknowledged(received)) return
    connection.welcomed = true
    this.#enter({ phase: 'connected', detail: '' })
    this.#later(connection, STEADY_AFTER_MS, () => {
      this.#failures = 0
    })
    this.#ping(connection)
    this.#watch(connection)
    this.#reportSoon()
  }

  #ping(connection: Connection): void {
    this.#later(connection, PING_EVERY_MS, () => {
      connection.socket.send(PING_TEXT)
      this.#ping(connection)
    })
  }

  #watch(connection: Connection): void {
    const leftMs = connection.heardAt + DEAD_AFTER_MS - this.#options.clock.now()
    if (leftMs <= 0) return this.#lost(connection, `nothing heard for ${DEAD_AFTER_MS / 1000} s`)
    this.#later(connection, leftMs, () => this.#watch(connection))
  }

  #received(connection: Connection, seq: number): void {
    if (!this.#acknowledged(seq)) return
    if (connection.reporting === undefined || seq < connection.reporting) return
    connection.receivedTimer?.()
    connection.reporting = undefined
    this.#report()
  }

  #acknowledged(seq: number): boolean {
    const { journal } = this.#options
    if (journal.acknowledge(seq)) return true
    const detail =
      `the control plane has stored ${seq} records of this agent, its journal holds ${journal.durable.seq}: ` +
      'it was rolled back. Move the data directory away and enrol this agent anew'
    this.#end(detail)
    this.#options.onRolledBack(detail)
    return false
  }

  #reportSoon(): void {
    this.#pump ??= this.#options.clock.after(REPORT_DELAY_MS, () => {
      this.#pump = undefined
      this.#report()
    })
  }

  /** One report at a time: the next goes when the hub has stored this one. */
  #report(): void {
    const connection = this.#connection
    if (!connection?.welcomed || connection.reporting !== undefined) return
    if (this.#options.journal.durable.seq <= this.#options.journal.acknowledged) return
    connection.reporting = 0
    this.#sendReport(connection).catch((error) =>
      this.#lost(connection, `the journal cannot be read: ${String(error)}`),
    )
  }

  async #sendReport(connection: Connection): Promise<void> {
    const { journal, site, agent, key } = this.#options
    const batch = await journal.since(journal.acknowledged)
    if (batch === undefined) {
      connection.reporting = undefined
      return
    }
    const { seq, hash } = batch.head
    const head = await signHead({ v: PROTOCOL_VERSION, site, agent, seq, hash }, key)
    if (connection.over) return
    connection.reporting = seq
    connection.receivedTimer = this.#later(connection, RECEIVED_WITHIN_MS, () =>
      this.#lost(connection, 'the hub did not store a report in time'),
    )
    this.#send(connection, { type: 'report', records: batch.records, head })
  }
}

function parseMessage(text: string): FromHub | undefined {
  try {
    return fromHubSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
