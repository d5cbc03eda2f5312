// Chassis power over IPMI 2.0 (spec protocols.md §1): one kept session per BMC, effects sent once and at
// once, reads shared and repeated. See `session-keeper.ts` for the session's life.
import type { Cancel, Clock, Random } from '../../../core/ports.ts'
import type { LogFrom, LogLook } from '../../../core/supply-log.ts'
import type {
  Answer,
  Armed,
  DriverEvents,
  Link,
  PowerAction,
  PowerController,
  PowerReading,
  Silence,
} from '../driver.ts'
import { chassisControl } from './chassis-control.ts'
import { COMPLETED, describeCompletionCode, provesNotDone } from './completion-code.ts'
import { Credentials } from './credentials.ts'
import { EventLogReader } from './event-log-reader.ts'
import { probe } from './probe.ts'
import { SessionKeeper, type Warm } from './session-keeper.ts'
import { StatusReader } from './status-reader.ts'
import { type OpenUdp, openUdp } from './udp.ts'

/** From so many unanswered effects on, a new session is opened, which settles them as lost. */
const PENDING_EFFECTS_RENEW = 16
const PENDING_EFFECTS_MAX = 32

export interface IpmiOptions {
  /** The server's name, for messages. */
  name: string
  /** IPv4 or IPv6 address. */
  address: string
  port: number
  /** At most 16 bytes. */
  username: string
  /** At most 20 bytes. */
  password: Uint8Array | string
  /** Key-exchange key, at most 20 raw bytes; absent or all zero where the BMC has none. */
  kg?: Uint8Array
  /** GUID bound at first contact, as `bindIdentity` told it. */
  boundIdentity?: string
  clock: Clock
  random: Random
  events: DriverEvents
  /** Called once, at the first session that tells a GUID, when nothing is bound yet. */
  bindIdentity?(identity: string): void
}

/**
 * Creates the controller of one BMC; nothing is sent before `start`.
 * @throws RangeError when user name, password or Kg are too long for IPMI 2.0.
 */
export function createIpmiPowerController(
  options: IpmiOptions,
  open: OpenUdp = openUdp,
): PowerController {
  return new IpmiPowerController(options, open)
}

class IpmiPowerController implements PowerController {
  readonly #name: string
  readonly #address: string
  readonly #port: number
  readonly #clock: Clock
  readonly #random: Random
  readonly #openUdp: OpenUdp
  readonly #events: DriverEvents
  readonly #keeper: SessionKeeper
  readonly #reader: StatusReader
  readonly #log: EventLogReader
  readonly #readyWaiters = new Set<() => void>()
  readonly #probes = new Set<Cancel>()
  #identity: string | undefined
  #closed = false

  constructor(options: IpmiOptions, open: OpenUdp) {
    const { name, address, port, clock, random, events } = options
    this.#name = name
    this.#address = address
    this.#port = port
    this.#clock = clock
    this.#random = random
    this.#openUdp = open
    this.#events = events
    this.#keeper = new SessionKeeper({
      address,
      port,
      credentials: new Credentials(options),
      boundIdentity: options.boundIdentity,
      clock,
      random,
      openUdp: open,
      linkChanged: (link) => this.#linkChanged(link),
      heard: (askedAt) => events.heard(askedAt),
      bindIdentity: (identity) => options.bindIdentity?.(identity),
      warmed: () => this.#warmed(),
    })
    this.#reader = new StatusReader(this.#keeper, clock)
    this.#log = new EventLogReader(this.#keeper, clock)
  }

  get link(): Link {
    return this.#keeper.link
  }

  get identity(): string | undefined {
    return this.#identity
  }

  start(): void {
    this.#keeper.start()
  }

  arm(action: PowerAction): Armed | undefined {
    if (!this.#usable()) return undefined
    let fired = false
    return {
      fire: (guard, answered) => {
        const warm = this.#usable()
        if (fired || !warm || !guard()) return false
        fired = this.#shoot(warm, action, answered)
        return fired
      },
    }
  }

  /**
   * False also when the identity is a mismatch: then nothing can be armed. With the link down it does not
   * wait for the login that is tried in the background.
   */
  ready(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const answer = () => {
        const verdict = this.#readiness()
        if (verdict !== undefined) end(verdict)
      }
      const end = (verdict: boolean) => {
        cancelDeadline()
        this.#readyWaiters.delete(answer)
        resolve(verdict)
      }
      const cancelDeadline = this.#clock.after(timeoutMs, () => end(false))
      this.#readyWaiters.add(answer)
      answer()
    })
  }

  read(timeoutMs: number): Promise<PowerReading | Silence> {
    return this.#reader.read(timeoutMs)
  }

  probe(timeoutMs: number): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false)
    return new Promise((resolve) => {
      const options = {
        address: this.#address,
        port: this.#port,
        clock: this.#clock,
        random: this.#random,
        openUdp: this.#openUdp,
      }
      const cancel = probe(options, timeoutMs, (answered) => {
        this.#probes.delete(cancel)
        resolve(answered)
      })
      this.#probes.add(cancel)
    })
  }

  events(from: LogFrom, timeoutMs: number): Promise<Pick<LogLook, 'read' | 'detail'>> {
    return this.#log.read(from, timeoutMs)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const cancel of this.#probes) cancel()
    this.#reader.close()
    this.#log.close()
    await this.#keeper.close()
  }

  /** One datagram, in this turn, never again: a lost reply must not become a second reset. */
  #shoot(warm: Warm, action: PowerAction, answered: (answer: Answer) => void): boolean {
    let open = true
    const settle = (answer: Answer) => {
      if (!open) return
      open = false
      answered(answer)
    }
    const shot = warm.session.compose(chassisControl, action, {
      purpose: 'effect',
      askedAt: this.#clock.now(),
      answered: ({ completionCode }) => settle(answerOf(action, completionCode)),
      lost: (detail) => settle({ kind: 'lost', detail: `${action} to ${this.#name}: ${detail}` }),
    })
    if (!shot) return false
    const sent = this.#keeper.send(shot.datagram, (code) => {
      shot.withdraw()
      settle({ kind: 'lost', detail: `${action} to ${this.#name}: not sent, ${code}` })
    })
    if (!sent) {
      shot.withdraw()
      return false
    }
    this.#reader.lookSoon()
    if (warm.session.pendingEffects >= PENDING_EFFECTS_RENEW) this.#keeper.renew()
    return true
  }

  #usable(): Warm | undefined {
    const warm = this.#keeper.warm
    if (!warm || this.#closed || warm.identity === 'mismatch') return undefined
    return warm.session.pendingEffects < PENDING_EFFECTS_MAX ? warm : undefined
  }

  #readiness(): boolean | undefined {
    const warm = this.#keeper.warm
    if (warm) return warm.identity !== 'mismatch'
    return this.#closed || this.#keeper.link.state === 'down' ? false : undefined
  }

  #warmed(): void {
    this.#identity = this.#keeper.guid ?? this.#identity
    this.#reader.warmed()
    this.#answerReady()
  }

  #linkChanged(link: Link): void {
    this.#events.linkChanged(link)
    this.#answerReady()
  }

  #answerReady(): void {
    for (const answer of [...this.#readyWaiters]) answer()
  }
}

function answerOf(action: PowerAction, completionCode: number): Answer {
  const detail = `${chassisControl.name} ${action}: ${describeCompletionCode(completionCode)}`
  if (completionCode === COMPLETED) return { kind: 'accepted', detail }
  return provesNotDone(completionCode) ? { kind: 'refused', detail } : { kind: 'lost', detail }
}
