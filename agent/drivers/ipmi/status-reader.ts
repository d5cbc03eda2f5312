// Reads chassis power. At most one question is outstanding per BMC; readers share its answer when it was
// asked after they came, and it is asked again while nothing comes: a read has no effect.
import type { Cancel, Clock } from '../../../core/ports.ts'
import type { PowerReading, Silence } from '../driver.ts'
import { COMPLETED, describeCompletionCode, isPassing } from './completion-code.ts'
import { getChassisStatus } from './get-chassis-status.ts'
import type { Reply } from './session.ts'
import type { SessionKeeper, Warm } from './session-keeper.ts'

const RESEND_MS = 400
/** Well under the 60 s after which a BMC drops a quiet session (spec protocols.md §1.5). */
const KEEP_ALIVE_MS = 20_000

interface Waiter {
  /** Only answers to questions asked at or after this instant count. */
  since: number
  /** An answer without a power state, such as "busy": better than silence when the time is over. */
  fallback?: PowerReading
  resolve(reading: PowerReading | Silence): void
  cancelDeadline: Cancel
}

export class StatusReader {
  readonly #keeper: SessionKeeper
  readonly #clock: Clock
  readonly #waiters = new Set<Waiter>()
  /** The newest question that has no answer yet, and the session it was asked in. */
  #asked: { warm: Warm; askedAt: number } | undefined
  #cancelTick: Cancel | undefined
  #cancelKeepAlive: Cancel | undefined
  #lookWanted = false
  #closed = false

  constructor(keeper: SessionKeeper, clock: Clock) {
    this.#keeper = keeper
    this.#clock = clock
  }

  read(timeoutMs: number): Promise<PowerReading | Silence> {
    return new Promise((resolve) => {
      const since = this.#clock.now()
      if (this.#closed) return resolve({ value: 'silent', askedAt: since, detail: 'closed' })
      const cancelDeadline = this.#clock.after(timeoutMs, () => this.#expire(waiter))
      const waiter: Waiter = { since, resolve, cancelDeadline }
      this.#waiters.add(waiter)
      if (!this.#asked) this.#askNow()
    })
  }

  /** After an effect: asks a little later unless it is answered by then, so that a dead session is noticed. */
  lookSoon(): void {
    this.#lookWanted = true
    if (!this.#cancelTick) this.#tickLater()
  }

  /** A session can be used (again): whoever waits is served in it. */
  warmed(): void {
    this.#stopTick()
    this.#asked = undefined
    if (this.#waiters.size > 0) this.#askNow()
    if (!this.#cancelKeepAlive) this.#keepAliveIn(KEEP_ALIVE_MS)
  }

  close(): void {
    this.#closed = true
    this.#stopTick()
    this.#cancelKeepAlive?.()
    for (const waiter of this.#waiters) this.#settle(waiter, silence(waiter, 'closed'))
  }

  #askNow(): void {
    const warm = this.#keeper.warm
    if (!warm || this.#closed) return
    this.#stopTick()
    const askedAt = this.#clock.now()
    const question = warm.session.compose(getChassisStatus, undefined, {
      purpose: 'question',
      askedAt,
      answered: (reply) => this.#answered(warm, reply, askedAt),
    })
    if (question) {
      this.#asked = { warm, askedAt }
      this.#keeper.send(question.datagram)
    } else {
      this.#keeper.renew()
    }
    this.#tickLater()
  }

  #tickLater(): void {
    this.#cancelTick = this.#clock.after(RESEND_MS, () => {
      this.#cancelTick = undefined
      if (this.#asked) this.#keeper.noteUnanswered(this.#asked.askedAt)
      // Silence is followed up even when nobody waits any more, until it is broken or the link is down.
      if (this.#waiters.size > 0 || this.#mustLook() || this.#keeper.isSilent) this.#askNow()
    })
  }

  #mustLook(): boolean {
    const wanted = this.#lookWanted && (this.#keeper.warm?.session.pendingEffects ?? 0) > 0
    this.#lookWanted = false
    return wanted
  }

  #stopTick(): void {
    this.#cancelTick?.()
    this.#cancelTick = undefined
  }

  #answered(warm: Warm, reply: Reply, askedAt: number): void {
    if (this.#closed) return
    const reading = this.#readingOf(warm, reply, askedAt)
    const passing = isPassing(reply.completionCode)
    for (const waiter of this.#waiters) {
      if (waiter.since > askedAt) continue
      if (passing) waiter.fallback = reading
      else this.#settle(waiter, reading)
    }
    // An older question was answered: the newest is still under way.
    if (this.#asked?.warm !== warm || this.#asked.askedAt !== askedAt) return
    this.#asked = undefined
    // "Busy" is asked again at the next tick and not at once.
    if (passing) return
    this.#stopTick()
    if (this.#waiters.size > 0) this.#askNow()
    else if (this.#lookWanted) this.#tickLater()
  }

  #readingOf(warm: Warm, reply: Reply, askedAt: number): PowerReading {
    const { value, detail } = powerOf(reply)
    return {
      value,
      askedAt,
      answeredAt: this.#clock.now(),
      readAt: this.#clock.wall(),
      session: warm.session.consoleId,
      sessionOpenedAt: warm.session.openedAt,
      identity: warm.identity,
      detail,
    }
  }

  #expire(waiter: Waiter): void {
    const { state, detail } = this.#keeper.link
    const why = state === 'up' ? 'no answer in time' : `link ${state}: ${detail}`
    this.#settle(waiter, waiter.fallback ?? silence(waiter, why))
  }

  #settle(waiter: Waiter, reading: PowerReading | Silence): void {
    this.#waiters.delete(waiter)
    waiter.cancelDeadline()
    waiter.resolve(reading)
  }

  #keepAliveIn(delayMs: number): void {
    this.#cancelKeepAlive = this.#clock.after(delayMs, () => {
      const idleMs = this.#clock.now() - this.#keeper.sentAt
      const due = idleMs >= KEEP_ALIVE_MS
      if (due && !this.#cancelTick) this.#askNow()
      this.#keepAliveIn(due ? KEEP_ALIVE_MS : KEEP_ALIVE_MS - idleMs)
    })
  }
}

/** Only a whole, successful answer says on or off; everything else is unknown. */
function powerOf(reply: Reply): Pick<PowerReading, 'value' | 'detail'> {
  if (reply.completionCode !== COMPLETED) {
    return { value: 'unknown', detail: describeCompletionCode(reply.completionCode) }
  }
  const status = getChassisStatus.decode(reply.body)
  if (!status) return { value: 'unknown', detail: `malformed answer, ${reply.body.length} bytes` }
  const fault = status.powerFault ? ', power fault' : ''
  return status.poweredOn
    ? { value: 'on', detail: `chassis power is on${fault}` }
    : { value: 'off', detail: `chassis power is off${fault}` }
}

function silence(waiter: Waiter, detail: string): Silence {
  return { value: 'silent', askedAt: waiter.since, detail }
}
