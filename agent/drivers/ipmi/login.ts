// Drives one login from the first Open Session to a session with its privilege raised and its identity
// judged. Every packet of it may be sent again: none has an effect.
import type { Cancel, Clock, Random } from '../../../core/ports.ts'
import { closeSession } from './close-session.ts'
import type { Command } from './command.ts'
import { COMPLETED } from './completion-code.ts'
import type { Credentials } from './credentials.ts'
import { getSystemGuid } from './get-system-guid.ts'
import { Handshake, type LoginFailure, type LoginVariant, type OpenedSession } from './handshake.ts'
import { guidText, type Judgement, judgeIdentity } from './identity.ts'
import { LoginPlan } from './login-plan.ts'
import { presenceQuestion } from './probe.ts'
import type { Packet } from './rmcp.ts'
import { type Reply, Session } from './session.ts'
import {
  ADMINISTRATOR,
  OPERATOR,
  type PrivilegeLevel,
  setSessionPrivilegeLevel,
} from './set-session-privilege-level.ts'

/** Open Session is sent again after these times; then the BMC counts as silent. */
const OPENING_WAITS_MS = [300, 500, 800, 1200]
/**
 * RAKP packets belong to one attempt, which is then begun anew. The first wait is long because only the
 * answer to the newest RAKP 1 counts: a BMC slower than both waits could never be logged in to.
 */
const RAKP_WAITS_MS = [800, 2400]
const COMMAND_WAITS_MS = [400, 400, 400, 400, 800]
const LEVEL_NOT_AVAILABLE = 0x80
const LEVEL_ABOVE_LIMIT = 0x81
const ROLE_NOT_ALLOWED = 0x0a

export type LoginResult =
  | { kind: 'warm'; session: Session; judgement: Judgement; variant: LoginVariant }
  | { kind: 'failed'; permanent: boolean; detail: string }

export interface LoginOptions {
  credentials: Credentials
  /** What the last successful login used. */
  proven: LoginVariant | undefined
  boundIdentity: string | undefined
  clock: Clock
  random: Random
  send(datagram: Uint8Array): void
  /** An authenticated answer within the new session. */
  heard(session: Session, askedAt: number): void
  finished(result: LoginResult): void
}

export class Login {
  readonly startedAt: number
  readonly #options: LoginOptions
  readonly #plan: LoginPlan
  #handshake: Handshake | undefined
  #session: Session | undefined
  #cancelWait: Cancel = () => {}
  #over = false

  constructor(options: LoginOptions) {
    this.#options = options
    this.#plan = new LoginPlan(options.proven)
    this.startedAt = options.clock.now()
    this.#attempt()
  }

  /** Takes a handshake packet, or one of the session being opened. */
  receive(packet: Packet): void {
    if (this.#over) return
    if (this.#session) {
      this.#session.receive(packet)
      return
    }
    const progress = this.#handshake?.receive(packet)
    if (!progress) return
    this.#cancelWait()
    if (progress.kind === 'next') this.#nextStep()
    else if (progress.kind === 'failed') this.#failed(progress.failure)
    else this.#opened(progress.session)
  }

  /** Stops without a result. */
  cancel(): void {
    this.#over = true
    this.#cancelWait()
    if (this.#session) this.#closeQuietly(this.#session)
  }

  #attempt(): void {
    const { credentials, random } = this.#options
    this.#handshake = new Handshake(this.#plan.variant, credentials, random)
    this.#sendStep()
  }

  #nextStep(): void {
    const waitMs = this.#handshake?.step === 'RAKP 3' ? this.#plan.doublesWaitMs : 0
    if (waitMs === 0) this.#sendStep()
    else this.#cancelWait = this.#options.clock.after(waitMs, () => this.#sendStep())
  }

  #sendStep(): void {
    const handshake = this.#handshake
    if (!handshake) return
    const { step } = handshake
    const opening = step === 'Open Session'
    // Where every second packet is lost, the answer to RAKP 3 would be lost in each attempt: one question
    // more shifts the rhythm.
    if (step === 'RAKP 3' && this.#plan.interruptions % 2 === 1) {
      this.#options.send(presenceQuestion(0))
    }
    this.#sendRepeatedly(
      opening ? OPENING_WAITS_MS : RAKP_WAITS_MS,
      () => handshake.datagram(),
      () => this.#failed({ kind: opening ? 'silence' : 'interrupted', step }),
    )
  }

  #failed(failure: LoginFailure): void {
    const verdict = this.#plan.after(failure)
    if (verdict.kind === 'try') this.#attempt()
    else this.#finish({ ...verdict, kind: 'failed' })
  }

  #opened({ consoleId, bmcId, guid, keys }: OpenedSession): void {
    const { clock, random, heard } = this.#options
    const session: Session = new Session({
      consoleId,
      bmcId,
      keys,
      random,
      openedAt: clock.now(),
      heard: (askedAt) => heard(session, askedAt),
    })
    this.#session = session
    const administrator = this.#plan.variant.role === ADMINISTRATOR
    this.#raise(session, guid, administrator ? [ADMINISTRATOR, OPERATOR] : [OPERATOR])
  }

  /** A session starts at USER. An administrator's session that cannot be raised to it may do as operator. */
  #raise(session: Session, guid: Uint8Array, levels: PrivilegeLevel[]): void {
    const [level, ...lower] = levels
    if (level === undefined) return this.#roleRefused(session)
    this.#ask(session, setSessionPrivilegeLevel, level, (reply) => {
      if (!reply) return this.#failed({ kind: 'silence', step: setSessionPrivilegeLevel.name })
      const { completionCode } = reply
      if (completionCode === COMPLETED) return this.#identify(session, guid)
      if (completionCode === LEVEL_NOT_AVAILABLE || completionCode === LEVEL_ABOVE_LIMIT) {
        return this.#raise(session, guid, lower)
      }
      const code = completionCode.toString(16).toUpperCase().padStart(2, '0')
      const detail = `${setSessionPrivilegeLevel.name} failed: completion code ${code}h`
      this.#closeQuietly(session)
      this.#finish({ kind: 'failed', permanent: false, detail })
    })
  }

  #roleRefused(session: Session): void {
    this.#closeQuietly(session)
    this.#session = undefined
    this.#failed({ kind: 'role-refused', status: ROLE_NOT_ALLOWED })
  }

  /** RAKP 2 tells the GUID; only where that one proves nothing is the BMC asked for it. */
  #identify(session: Session, rakpGuid: Uint8Array): void {
    const bound = this.#options.boundIdentity
    const told = guidText(rakpGuid)
    const judgement = judgeIdentity([told], bound)
    if (judgement.identity === 'proven') return this.#warm(session, judgement)
    this.#ask(session, getSystemGuid, undefined, (reply) => {
      const body =
        reply?.completionCode === COMPLETED ? getSystemGuid.decode(reply.body) : undefined
      this.#warm(session, judgeIdentity([told, body && guidText(body)], bound))
    })
  }

  #warm(session: Session, judgement: Judgement): void {
    this.#finish({ kind: 'warm', session, judgement, variant: this.#plan.variant })
  }

  #ask<Request>(
    session: Session,
    command: Command<Request, unknown>,
    request: Request,
    answered: (reply: Reply | undefined) => void,
  ): void {
    let open = true
    const once = (reply: Reply | undefined) => {
      // Several questions are under way when one had to be repeated; the first answer counts.
      if (!open || this.#over) return
      open = false
      this.#cancelWait()
      answered(reply)
    }
    this.#sendRepeatedly(
      COMMAND_WAITS_MS,
      () => {
        const askedAt = this.#options.clock.now()
        const ask = { purpose: 'question', askedAt, answered: once } as const
        return session.compose(command, request, ask)?.datagram
      },
      () => once(undefined),
    )
  }

  #sendRepeatedly(
    waitsMs: readonly number[],
    next: () => Uint8Array | undefined,
    silent: () => void,
  ): void {
    const [waitMs, ...laterMs] = waitsMs
    if (waitMs === undefined) return silent()
    const datagram = next()
    if (datagram) this.#options.send(datagram)
    this.#cancelWait = this.#options.clock.after(waitMs, () =>
      this.#sendRepeatedly(laterMs, next, silent),
    )
  }

  #closeQuietly(session: Session): void {
    const ask = { purpose: 'question', askedAt: this.#options.clock.now(), answered() {} } as const
    const closing = session.compose(closeSession, session.bmcId, ask)
    if (closing) this.#options.send(closing.datagram)
  }

  #finish(result: LoginResult): void {
    this.#over = true
    this.#cancelWait()
    this.#options.finished(result)
  }
}
