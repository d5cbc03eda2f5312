// Keeps one SNMP device known and watched in the background: connects, proves its identity, notices
// silence, and comes back by itself.
import type { PduModel, Place } from '../../../core/pdu-model.ts'
import type { Cancel, Clock, Random } from '../../../core/ports.ts'
import type { DriverEvents, Link } from '../driver.ts'
import { type Asker, type Device, identify, refuseIdentity, SYS_OBJECT_ID } from './identify.ts'
import { ReadLane } from './read-lane.ts'
import { type Got, type Next, type SnmpAccess, SnmpSession } from './session.ts'

const SILENT_AFTER_MS = 3_000
const WATCH_MS = 1_500
const RETRY_FIRST_MS = 500
const RETRY_MAX_MS = 5_000

export interface LinkOptions {
  address: string
  port: number
  model: PduModel
  where: Partial<Place>
  access: SnmpAccess
  clock: Clock
  random: Random
  events: DriverEvents
  /** What must be known of an identified device before the link counts as up; never rejects. */
  prepare(ask: Asker, device: Device): Promise<void>
}

export class DeviceLink {
  readonly lane: ReadLane
  /** Stays as last told over a loss of the link. */
  device: Device | undefined
  link: Link = { state: 'connecting', detail: 'not asked yet', permanent: false }
  #options: LinkOptions
  #session: SnmpSession | undefined
  #retired = new Set<SnmpSession>()
  #started = false
  #closed = false
  #attempts = 0
  /** These credentials have worked: a device that restarts may not know its users for a moment. */
  #accepted = false
  #timer: Cancel | undefined
  #silence: Cancel | undefined
  #waiters = new Set<() => void>()

  constructor(options: LinkOptions) {
    this.#options = options
    this.lane = new ReadLane(options.clock)
  }

  /** The session to send by: undefined unless the link is up, that is, the identity is proven. */
  get session(): SnmpSession | undefined {
    return this.link.state === 'up' ? this.#session : undefined
  }

  start(): void {
    if (this.#started || this.#closed) return
    this.#started = true
    void this.#connect()
  }

  /** Resolves true once the link is up, false when it is down or the time is over. */
  async ready(timeoutMs: number): Promise<boolean> {
    if (this.link.state === 'connecting') await this.changed(timeoutMs)
    return this.link.state === 'up'
  }

  /** Resolves at the next change of the link's state, after `timeoutMs` at the latest. */
  changed(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel()
        this.#waiters.delete(done)
        resolve()
      }
      const cancel = this.#options.clock.after(timeoutMs, done)
      this.#waiters.add(done)
    })
  }

  /** Asks by the given session; an answer proves that the link lives, silence for 3 s that it does not. */
  get(session: SnmpSession, oids: readonly string[], timeoutMs: number): Promise<Got> {
    return this.#ask(session, () => session.get(oids, timeoutMs))
  }

  async #ask<Told extends Got | Next>(
    session: SnmpSession,
    question: () => Promise<Told>,
  ): Promise<Told> {
    const askedAt = this.#options.clock.now()
    this.#silence ??= this.#options.clock.after(SILENT_AFTER_MS, () => this.#silent())
    const got = await question()
    if (got.kind !== 'denied' && got.kind !== 'silent') this.answered(askedAt)
    if (got.kind === 'denied' && session === this.session) this.#fail(got.detail, true)
    return got
  }

  /** The device itself answered what was asked at this monotonic instant. */
  answered(askedAt: number): void {
    this.#silence?.()
    this.#silence = undefined
    if (!this.#closed) this.#options.events.heard(askedAt)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.()
    this.#silence?.()
    const sessions = [...this.#retired, ...(this.#session ? [this.#session] : [])]
    this.#tell({ state: 'down', detail: 'closed', permanent: false })
    for (const session of sessions) session.close()
    await Promise.all(sessions.map((session) => session.closed))
  }

  async #connect(): Promise<void> {
    const { address, port, access, clock, model, where } = this.#options
    const session = new SnmpSession(address, port, access, clock)
    this.#session = session
    const ask: Asker = {
      get: (oids, timeoutMs) => this.get(session, oids, timeoutMs),
      next: (oid, timeoutMs) => this.#ask(session, () => session.next(oid, timeoutMs)),
    }
    const found = (await session.opened)
      ? await identify(ask, model, where, SILENT_AFTER_MS)
      : { problem: `no way to ${address} port ${port}`, permanent: false, silent: false }
    if ('device' in found) await this.#options.prepare(ask, found.device)
    if (this.#closed || this.#session !== session) return
    if ('device' in found) {
      this.device = found.device
      this.#accepted = true
      this.#attempts = 0
      this.#silence?.()
      this.#silence = undefined
      this.#tell({ state: 'up', detail: 'identified', permanent: false })
      this.#watchLater()
      return
    }
    this.#fail(found.silent ? this.#silentDetail() : found.problem, found.permanent)
  }

  /** Down, and another attempt later unless that is pointless. */
  #fail(detail: string, pointless: boolean): void {
    const permanent = pointless && !this.#accepted
    this.#timer?.()
    this.#silence?.()
    this.#silence = undefined
    this.#retire()
    this.#tell({ state: 'down', detail, permanent })
    if (permanent || this.#closed) return
    const { clock, random } = this.#options
    const delayMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(this.#attempts++, 10))
    this.#timer = clock.after(delayMs * (0.5 + random.fraction()), () => void this.#connect())
  }

  /** The old session is kept for the answers to its effects, at most as long as those are waited for. */
  #retire(): void {
    const session = this.#session
    if (!session) return
    this.#session = undefined
    this.#retired.add(session)
    void session.closed.then(() => this.#retired.delete(session))
    session.retire()
  }

  #watchLater(): void {
    const { clock, random } = this.#options
    this.#timer = clock.after(WATCH_MS * (0.8 + 0.4 * random.fraction()), () => void this.#watch())
  }

  /** Reads are proof of life themselves; without any, one question does it. */
  async #watch(): Promise<void> {
    const session = this.#session
    if (!session || this.#closed) return
    if (this.lane.idle) {
      const ask = () => this.get(session, [SYS_OBJECT_ID], SILENT_AFTER_MS)
      const got = await this.lane.run(ask, SILENT_AFTER_MS)
      if (this.#closed || this.#session !== session) return
      if (got?.kind === 'values') {
        const wrong = refuseIdentity(this.#options.model, got.values[0])
        if (wrong !== undefined) return this.#fail(wrong, false)
      }
    }
    this.#watchLater()
  }

  #silent(): void {
    this.#silence = undefined
    if (this.link.state === 'up') this.#fail(this.#silentDetail(), false)
  }

  #silentDetail(): string {
    const { address, port, access } = this.#options
    if (access.version !== '3') {
      return `no answer from ${address} port ${port}; a wrong community looks the same`
    }
    return this.#session?.discovered
      ? `${address} port ${port} tells its SNMPv3 engine, but does not answer; a wrong privacy password looks the same`
      : `no answer from ${address} port ${port}`
  }

  #tell(link: Link): void {
    const changed = link.state !== this.link.state
    if (!changed && link.detail === this.link.detail && link.permanent === this.link.permanent)
      return
    this.link = link
    this.#options.events.linkChanged(link)
    if (changed) for (const done of [...this.#waiters]) done()
  }
}
