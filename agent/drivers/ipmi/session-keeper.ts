// Keeps one session open: logs in again in the background when the BMC falls silent, and tells the link.
// The old session stays the current one, late answers included, until a new one is open.
import type { Cancel, Clock, Random } from '../../../core/ports.ts'
import type { Identity, Link } from '../driver.ts'
import { closeSession } from './close-session.ts'
import type { Credentials } from './credentials.ts'
import type { LoginVariant } from './handshake.ts'
import { Login, type LoginResult } from './login.ts'
import { unwrapV20 } from './rmcp.ts'
import type { Session } from './session.ts'
import type { OpenUdp, Udp } from './udp.ts'

/**
 * So many questions without an answer, and a new login is tried alongside: 1.6 s. A BMC that is quick to
 * log in and slow to tell its power would get a new session with each question if this were less.
 */
const UNANSWERED_MAX = 4
/** Both are needed before the link is down: a pause of this process is not the BMC's silence. */
const SILENCE_MAX_MS = 3000
const SILENT_QUESTIONS_MIN = 3
const BACKOFF_FIRST_MS = 500
const BACKOFF_MAX_MS = 5000
/** After so long without a login the next one is not held back. */
const BACKOFF_FORGOTTEN_MS = 60_000
const CLOSE_WAIT_MS = 200

export interface Warm {
  session: Session
  identity: Identity
  guid: string | undefined
}

export interface KeeperOptions {
  address: string
  port: number
  credentials: Credentials
  boundIdentity: string | undefined
  clock: Clock
  random: Random
  openUdp: OpenUdp
  linkChanged(link: Link): void
  heard(askedAt: number): void
  bindIdentity(identity: string): void
  /** A session can be used (again). */
  warmed(): void
}

export class SessionKeeper {
  readonly #options: KeeperOptions
  #link: Link = { state: 'connecting', detail: 'not started', permanent: false }
  #udp: Udp | undefined
  #udpOpen = false
  #lastTrouble: string | undefined
  #current: Warm | undefined
  #boundIdentity: string | undefined
  #login: Login | undefined
  #cancelRetry: Cancel | undefined
  #proven: LoginVariant | undefined
  #logins = 0
  #loginEndedAt = Number.NEGATIVE_INFINITY
  #nextLoginAt = Number.NEGATIVE_INFINITY
  /** Why there is no session, or no further login. */
  #failure: { detail: string; permanent: boolean } | undefined
  #heardAt = Number.NEGATIVE_INFINITY
  #silentSince: number | undefined
  #unanswered = 0
  #renewing = false
  #started = false
  #closed = false
  /** Monotonic ms of the last datagram of any kind. */
  sentAt = Number.NEGATIVE_INFINITY

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#boundIdentity = options.boundIdentity
  }

  get link(): Link {
    return this.#link
  }

  /** The session, when it can be used: open, and not silent for too long. */
  get warm(): Warm | undefined {
    return this.#isTooSilent() ? undefined : this.#current
  }

  get guid(): string | undefined {
    return this.#current?.guid
  }

  /** Something was asked, and nothing has been heard since. */
  get isSilent(): boolean {
    return this.#silentSince !== undefined
  }

  start(): void {
    if (this.#started || this.#closed) return
    this.#started = true
    this.#ensureLogin()
    this.#refreshLink()
  }

  /** Sends in this very turn; see `Udp.send`. */
  send(datagram: Uint8Array, unsent?: (code: string) => void): boolean {
    this.sentAt = this.#options.clock.now()
    return this.#udp?.send(datagram, unsent) ?? false
  }

  /** The owner waited for an answer to what it asked at this instant, in vain so far. */
  noteUnanswered(askedAt: number): void {
    this.#silentSince ??= askedAt
    this.#unanswered++
    if (this.#unanswered >= UNANSWERED_MAX) this.#ensureLogin()
    this.#refreshLink()
  }

  /** The session has no message number left: another one is needed, though this one lives. */
  renew(): void {
    this.#renewing = true
    this.#ensureLogin()
  }

  /** Says Close Session and waits for the answer for a moment only. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelRetry?.()
    this.#login?.cancel()
    const session = this.#current?.session
    if (session) await this.#sayClose(session)
    this.#current = undefined
    session?.abandon('closed')
    this.#udp?.close()
    this.#setLink({ state: 'down', detail: 'closed', permanent: false })
  }

  #sayClose(session: Session): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(CLOSE_WAIT_MS, resolve)
      this.#sendClose(session, () => {
        cancel()
        resolve()
      })
    })
  }

  #sendClose(session: Session, answered: () => void): void {
    const askedAt = this.#options.clock.now()
    const closing = session.compose(closeSession, session.bmcId, {
      purpose: 'question',
      askedAt,
      answered,
    })
    if (closing) this.send(closing.datagram)
  }

  #ensureLogin(): void {
    if (this.#closed || this.#login || this.#cancelRetry || this.#failure?.permanent) return
    const now = this.#options.clock.now()
    if (now - this.#loginEndedAt > BACKOFF_FORGOTTEN_MS) this.#logins = 0
    if (now >= this.#nextLoginAt) return this.#openSocket()
    this.#cancelRetry = this.#options.clock.after(this.#nextLoginAt - now, () => {
      this.#cancelRetry = undefined
      if (this.#needsLogin()) this.#ensureLogin()
    })
  }

  #needsLogin(): boolean {
    return !this.#current || this.#renewing || this.#unanswered >= UNANSWERED_MAX
  }

  /** One socket for all sessions: what is sent later on it travels behind what was sent before. */
  #openSocket(): void {
    if (this.#udp) {
      if (this.#udpOpen) this.#beginLogin()
      return
    }
    const { address, port, openUdp } = this.#options
    this.#udp = openUdp(address, port, {
      opened: () => {
        this.#udpOpen = true
        this.#beginLogin()
      },
      received: (datagram) => this.#received(datagram),
      troubled: (code) => {
        this.#lastTrouble = code
      },
      closed: (code) => this.#socketClosed(code),
    })
  }

  #socketClosed(code: string): void {
    this.#udp = undefined
    this.#udpOpen = false
    this.#login?.cancel()
    const old = this.#current
    this.#current = undefined
    old?.session.abandon(`socket closed: ${code}`)
    this.#loginEnded({ kind: 'failed', permanent: false, detail: `socket: ${code}` })
  }

  #beginLogin(): void {
    if (this.#closed || this.#login) return
    const { credentials, clock, random } = this.#options
    this.#login = new Login({
      credentials,
      proven: this.#proven,
      boundIdentity: this.#boundIdentity,
      clock,
      random,
      send: (datagram) => this.send(datagram),
      heard: (session, askedAt) => this.#heard(session, askedAt),
      finished: (result) => this.#loginEnded(result),
    })
  }

  #received(datagram: Uint8Array): void {
    this.#lastTrouble = undefined
    const packet = unwrapV20(datagram)
    if (!packet) return
    const ours = packet.sessionId !== 0 && packet.sessionId === this.#current?.session.consoleId
    if (ours) this.#current?.session.receive(packet)
    else this.#login?.receive(packet)
  }

  #heard(session: Session, askedAt: number): void {
    if (session === this.#current?.session) {
      const wasTooSilent = this.#isTooSilent()
      this.#heardAt = this.#options.clock.now()
      this.#silentSince = undefined
      this.#unanswered = 0
      if (!this.#failure?.permanent) this.#failure = undefined
      this.#refreshLink()
      if (wasTooSilent && !this.#closed) this.#options.warmed()
    }
    this.#options.heard(askedAt)
  }

  #loginEnded(result: LoginResult): void {
    const startedAt = this.#login?.startedAt ?? Number.NEGATIVE_INFINITY
    this.#login = undefined
    if (this.#closed) return
    const { clock, random } = this.#options
    this.#loginEndedAt = clock.now()
    const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.#logins++)
    this.#nextLoginAt = this.#loginEndedAt + backoffMs * (0.5 + random.fraction() / 2)

    if (result.kind === 'failed') {
      const trouble = this.#lastTrouble ? ` (${this.#lastTrouble})` : ''
      this.#failure = { detail: result.detail + trouble, permanent: result.permanent }
      this.#refreshLink()
      if (this.#needsLogin()) this.#ensureLogin()
      return
    }
    this.#proven = result.variant
    if (this.#current && this.#heardAt > startedAt && !this.#renewing) {
      // The BMC was only slow. Effects may still be answered in the old session, so that one stays.
      this.#sendClose(result.session, () => {})
      return
    }
    this.#adopt(result)
  }

  #adopt({ session, judgement }: LoginResult & { kind: 'warm' }): void {
    const old = this.#current?.session
    const { identity, guid } = judgement
    this.#current = { session, identity, guid }
    this.#failure = undefined
    this.#renewing = false
    this.#silentSince = undefined
    this.#unanswered = 0
    this.#heardAt = this.#options.clock.now()
    if (guid !== undefined && this.#boundIdentity === undefined) {
      this.#boundIdentity = guid
      this.#options.bindIdentity(guid)
    }
    if (old) {
      this.#sendClose(old, () => {})
      old.abandon('no answer came before a new session replaced this one')
    }
    this.#refreshLink()
    this.#options.warmed()
  }

  #isTooSilent(): boolean {
    if (this.#silentSince === undefined || this.#unanswered < SILENT_QUESTIONS_MIN) return false
    return this.#options.clock.now() - this.#silentSince >= SILENCE_MAX_MS
  }

  #refreshLink(): void {
    if (this.#closed) return
    const failure = this.#failure
    const permanent = failure?.permanent ?? false
    if (this.#current && !this.#isTooSilent()) {
      this.#setLink({ state: 'up', detail: this.#mismatch() ?? failure?.detail ?? '', permanent })
      return
    }
    const silence = this.#current && `no answer for ${SILENCE_MAX_MS / 1000} s`
    const detail = failure?.detail ?? silence
    if (detail !== undefined) this.#setLink({ state: 'down', detail, permanent })
    else this.#setLink({ state: 'connecting', detail: 'logging in', permanent })
  }

  #mismatch(): string | undefined {
    if (this.#current?.identity !== 'mismatch') return undefined
    return `identity mismatch: GUID ${this.#current.guid} answers, ${this.#boundIdentity} is bound`
  }

  #setLink(link: Link): void {
    const { state, detail, permanent } = this.#link
    if (state === link.state && detail === link.detail && permanent === link.permanent) return
    this.#link = link
    this.#options.linkChanged(link)
  }
}
