// What every device driver offers the executor. A driver knows one device; it never retries an effect,
// never decides, and never takes longer than it was given.
import type { Power } from '../../core/outcome.ts'
import type { LogFrom, LogLook } from '../../core/supply-log.ts'

export type PowerAction = 'nmi' | 'reset' | 'off' | 'on'
export type Switch = 'off' | 'on'

/** What became of one effect. An effect without any answer yet is loose (spec architecture.md, "Never"). */
export type Answer =
  /** The device said that it accepted. */
  | { kind: 'accepted'; detail: string }
  /** The device said no, in so many words: it did nothing. */
  | { kind: 'refused'; detail: string }
  /** It was sent and no answer can come any more (session or stream gone). */
  | { kind: 'lost'; detail: string }

/** An effect that is ready to go: session warm, nothing left to wait for. */
export interface Armed {
  /**
   * Asks the guard and sends, both in this very turn of the event loop; the packet goes out exactly once.
   * Returns false, with nothing sent, when the guard says no. `answered` is called at most once, however
   * late the answer comes.
   */
  fire(guard: () => boolean, answered: (answer: Answer) => void): boolean
}

/** Identity of the machine behind the address against what was bound at enrolment. */
export type Identity = 'proven' | 'unproven' | 'mismatch'

export type LinkState = 'up' | 'connecting' | 'down'

export interface Link {
  state: LinkState
  /** Why it is not up, for a person. Never holds a secret. */
  detail: string
  /** The device refused our credentials: no further attempt until reconfigured (spec rules.md R18). */
  permanent: boolean
}

export interface PowerReading {
  value: Power
  /** Monotonic ms at which the question that was answered went out. */
  askedAt: number
  answeredAt: number
  /** Wall clock, RFC 3339, of the answer. */
  readAt: string
  /** Distinguishes sessions: a BMC that restarted never answers in an old one. */
  session: number
  /** Monotonic ms. */
  sessionOpenedAt: number
  identity: Identity
  detail: string
}

/** A look that got no answer in time says nothing about power. */
export interface Silence {
  value: 'silent'
  askedAt: number
  detail: string
}

/** Chassis power behind one BMC. */
export interface PowerController {
  readonly link: Link
  /** The identity that the device itself reports (system GUID), once a session has proven it. */
  readonly identity: string | undefined
  /** Starts opening and keeping a session in the background. Idempotent. */
  start(): void
  /** Undefined when there is no warm session, or the identity is a mismatch: a reset never waits on a login. */
  arm(action: PowerAction): Armed | undefined
  /** Resolves true once a session is warm, false when the time is over or the link is down. */
  ready(timeoutMs: number): Promise<boolean>
  /** Reads chassis power. Resent as needed within the time given: a read has no effect. */
  read(timeoutMs: number): Promise<PowerReading | Silence>
  /**
   * True when anything at all answered at the device's address to a question asked after this call.
   * Needs no session, so it also finds a BMC that refuses our login. ICMP errors are not an answer.
   */
  probe(timeoutMs: number): Promise<boolean>
  /**
   * Reads the entries of the BMC's event log that are about power supplies. All or nothing: a log that could
   * not be read to its end in time comes back undefined. A log erased meanwhile is read from its beginning.
   */
  events(from: LogFrom, timeoutMs: number): Promise<Pick<LogLook, 'read' | 'detail'>>
  close(): Promise<void>
}

export interface OutletReading {
  outlet: number
  value: Power
  /** The raw value read, for evidence. */
  raw: string
}

export interface OutletReadings {
  value: 'read'
  askedAt: number
  answeredAt: number
  readAt: string
  outlets: OutletReading[]
}

/** All outlets of one PDU. */
export interface OutletController {
  readonly link: Link
  /** As the device tells them; undefined until read. */
  readonly model: string | undefined
  readonly firmware: string | undefined
  start(): void
  arm(outlet: number, to: Switch): Armed | undefined
  ready(timeoutMs: number): Promise<boolean>
  /** Reads several outlets in one request. Missing or odd values come back as `unknown`, never as off. */
  read(outlets: readonly number[], timeoutMs: number): Promise<OutletReadings | Silence>
  close(): Promise<void>
}

/** Calls from a driver to its owner; both may come at any time after `start`. */
export interface DriverEvents {
  linkChanged(link: Link): void
  /** The device answered something that was asked at this monotonic instant: what was sent before is settled. */
  heard(askedAt: number): void
}
