// The controller of one simulated BMC, with the driver's own habits: one session kept, one question at a time
// asked again while nothing comes, a login beside it when it stays silent, an effect sent once.
import type {
  Answer,
  Armed,
  Link,
  PowerAction,
  PowerController,
  PowerReading,
  Silence,
} from '../../agent/drivers/driver.ts'
import type { IpmiOptions } from '../../agent/drivers/ipmi/power-controller.ts'
import type { Cancel } from '../../core/ports.ts'
import type { LogLook } from '../../core/supply-log.ts'
import type { Effect } from './effects.ts'
import type { Life } from './life.ts'
import type { Machine } from './machine.ts'
import type { Path } from './path.ts'

const RESEND_MS = 400
const UNANSWERED_MAX = 2
const SILENT_QUESTIONS_MIN = 3
const SILENCE_MAX_MS = 3000
const LOGIN_MS = 40
const LOGIN_TIMEOUT_MS = 1500
const BACKOFF_FIRST_MS = 500
const BACKOFF_MAX_MS = 5000

interface Session {
  id: number
  life: number
  openedAt: number
  pending: Set<(answer: Answer) => void>
}

interface Waiter {
  since: number
  resolve(reading: PowerReading | Silence): void
  cancel: Cancel
}

export interface PowerStand {
  life: Life
  machine: Machine
  path: Path
  options: IpmiOptions
  nextSession(): number
  /** An effect leaves: the world follows it from here. */
  sent(device: string, server: string, action: PowerAction): Effect
  told(server: string, value: 'on' | 'off'): void
}

export class SimPower implements PowerController {
  link: Link = { state: 'connecting', detail: 'not started', permanent: false }
  identity: string | undefined
  readonly #stand: PowerStand
  readonly #waiters = new Set<Waiter>()
  readonly #readyWaiters = new Set<() => void>()
  #session: Session | undefined
  #asked: { askedAt: number } | undefined
  #tick: Cancel | undefined
  #lookWanted = false
  #silentSince: number | undefined
  #unanswered = 0
  #heardAt = Number.NEGATIVE_INFINITY
  #loggingIn = false
  #retry: Cancel | undefined
  #logins = 0
  #failure: string | undefined
  #closed = false
  #started = false

  constructor(stand: PowerStand) {
    this.#stand = stand
  }

  start(): void {
    if (this.#started) return
    this.#started = true
    this.#login()
  }

  arm(action: PowerAction): Armed | undefined {
    if (!this.#warm) return undefined
    let fired = false
    return {
      fire: (guard, answered) => {
        const session = this.#warm
        if (fired || !session || !guard()) return false
        fired = true
        this.#shoot(session, action, answered)
        return true
      },
    }
  }

  ready(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.#warm) end(true)
        else if (this.link.state === 'down') end(false)
      }
      const end = (is: boolean) => {
        cancel()
        this.#readyWaiters.delete(look)
        resolve(is)
      }
      const cancel = this.#clock.after(timeoutMs, () => end(false))
      this.#readyWaiters.add(look)
      look()
    })
  }

  read(timeoutMs: number): Promise<PowerReading | Silence> {
    return new Promise((resolve) => {
      const since = this.#clock.now()
      const cancel = this.#clock.after(timeoutMs, () => {
        this.#waiters.delete(waiter)
        resolve({ value: 'silent', askedAt: since, detail: 'no answer in time' })
      })
      const waiter: Waiter = { since, resolve, cancel }
      this.#waiters.add(waiter)
      if (!this.#asked) this.#ask()
    })
  }

  probe(timeoutMs: number): Promise<boolean> {
    const { machine, path, life } = this.#stand
    return new Promise((resolve) => {
      let open = true
      const end = (answered: boolean) => {
        if (open) resolve(answered)
        open = false
      }
      this.#clock.after(timeoutMs, () => end(false))
      for (const atMs of [0, 200]) {
        this.#clock.after(atMs, () =>
          path.send('there', () =>
            machine.reach({
              life: machine.bmcLife,
              handle: () => path.send('back', () => life.deliver(() => end(true))),
              drop: () => {},
            }),
          ),
        )
      }
    })
  }

  async events(): Promise<Pick<LogLook, 'read' | 'detail'>> {
    return { read: undefined, detail: 'the log of this BMC cannot be read' }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#tick?.()
    this.#retry?.()
    for (const waiter of this.#waiters) {
      waiter.cancel()
      waiter.resolve({ value: 'silent', askedAt: waiter.since, detail: 'closed' })
    }
    this.#waiters.clear()
    this.#abandon()
  }

  get #clock() {
    return this.#stand.options.clock
  }

  get #warm(): Session | undefined {
    return this.#closed || this.#tooSilent ? undefined : this.#session
  }

  get #tooSilent(): boolean {
    if (this.#silentSince === undefined || this.#unanswered < SILENT_QUESTIONS_MIN) return false
    return this.#clock.now() - this.#silentSince >= SILENCE_MAX_MS
  }

  #shoot(session: Session, action: PowerAction, answered: (answer: Answer) => void): void {
    const { machine, path, life, options, sent } = this.#stand
    const effect = sent('bmc', options.name, action)
    const askedAt = this.#clock.now()
    const settle = (answer: Answer) => {
      if (!session.pending.delete(settle)) return
      answered(answer)
    }
    session.pending.add(settle)
    const handle = () => {
      effect.state = 'taken'
      const fate = machine.takeFate(action)
      const inState = machine.chassisOn || action === 'off' || action === 'on'
      const refused = fate === 'refuses' || !inState
      if (!refused && fate !== 'pretends') machine.act(action, effect)
      if (fate === 'reply-lost') return
      const kind = refused ? 'refused' : 'accepted'
      const answer: Answer = { kind, detail: refused ? 'completion code d5h' : 'done' }
      path.send('back', () =>
        life.deliver(() => {
          if (!session.pending.has(settle)) return
          settle(answer)
          this.#heard(session, askedAt)
        }),
      )
    }
    const drop = () => {
      if (effect.state !== 'taken') effect.state = 'dropped'
    }
    const arrive = () => {
      // A second copy has a sequence number that the BMC knows.
      if (effect.state !== 'flying') return
      effect.state = 'waiting'
      machine.reach({ life: session.life, handle, drop })
    }
    path.send('there', arrive, drop)
    this.#lookWanted = true
    if (!this.#tick) this.#tickLater()
  }

  #ask(): void {
    const session = this.#warm
    if (!session) return
    this.#tick?.()
    const { machine, path, life } = this.#stand
    const askedAt = this.#clock.now()
    this.#asked = { askedAt }
    let open = true
    const reply = (value: 'on' | 'off') => {
      if (!open) return
      open = false
      this.#answered(session, askedAt, value)
    }
    path.send('there', () =>
      machine.reach({
        life: session.life,
        handle: () => {
          const value = machine.saysPower()
          path.send('back', () => life.deliver(() => reply(value)))
        },
        drop: () => {},
      }),
    )
    this.#tickLater()
  }

  #tickLater(): void {
    this.#tick = this.#clock.after(RESEND_MS, () => {
      this.#tick = undefined
      if (this.#asked) this.#noteUnanswered(this.#asked.askedAt)
      const look = this.#lookWanted && (this.#session?.pending.size ?? 0) > 0
      this.#lookWanted = false
      if (this.#waiters.size > 0 || look || this.#silentSince !== undefined) this.#ask()
    })
  }

  #answered(session: Session, askedAt: number, value: 'on' | 'off'): void {
    if (this.#closed) return
    this.#heard(session, askedAt)
    this.#stand.told(this.#stand.options.name, value)
    const reading: PowerReading = {
      value,
      askedAt,
      answeredAt: this.#clock.now(),
      readAt: this.#clock.wall(),
      session: session.id,
      sessionOpenedAt: session.openedAt,
      identity: 'proven',
      detail: '',
    }
    for (const waiter of this.#waiters) {
      if (waiter.since > askedAt) continue
      this.#waiters.delete(waiter)
      waiter.cancel()
      waiter.resolve(reading)
    }
    if (this.#asked?.askedAt !== askedAt) return
    this.#asked = undefined
    this.#tick?.()
    this.#tick = undefined
    if (this.#waiters.size > 0) this.#ask()
    else if (this.#lookWanted) this.#tickLater()
  }

  #heard(session: Session, askedAt: number): void {
    const { events } = this.#stand.options
    if (session === this.#session) {
      const was = this.#tooSilent
      this.#heardAt = this.#clock.now()
      this.#silentSince = undefined
      this.#unanswered = 0
      this.#failure = undefined
      this.#showLink()
      if (was) this.#warmed()
    }
    events.heard(askedAt)
  }

  #noteUnanswered(askedAt: number): void {
    this.#silentSince ??= askedAt
    this.#unanswered += 1
    if (this.#unanswered >= UNANSWERED_MAX) this.#login()
    this.#showLink()
  }

  #login(): void {
    if (this.#loggingIn || this.#retry || this.#closed) return
    this.#loggingIn = true
    const { machine, path, life } = this.#stand
    const startedAt = this.#clock.now()
    let open = true
    const end = (bmcLife: number | undefined) => {
      if (!open || this.#closed) return
      open = false
      this.#loggingIn = false
      this.#loginEnded(startedAt, bmcLife)
    }
    this.#clock.after(LOGIN_TIMEOUT_MS, () => end(undefined))
    path.send('there', () =>
      machine.reach({
        get life() {
          return machine.bmcLife
        },
        handle: () => {
          const { bmcLife } = machine
          path.send('back', () =>
            life.deliver(() => this.#clock.after(LOGIN_MS, () => end(bmcLife))),
          )
        },
        drop: () => {},
      }),
    )
  }

  #loginEnded(startedAt: number, bmcLife: number | undefined): void {
    const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.#logins++)
    if (bmcLife !== undefined) {
      this.#logins = 0
      if (!this.#session || this.#heardAt <= startedAt) this.#adopt(bmcLife)
      return
    }
    this.#failure = 'no answer to the login'
    this.#showLink()
    this.#retry = this.#clock.after(backoffMs, () => {
      this.#retry = undefined
      if (!this.#session || this.#unanswered >= UNANSWERED_MAX) this.#login()
    })
  }

  #adopt(bmcLife: number): void {
    const { options, nextSession } = this.#stand
    this.#abandon()
    const openedAt = this.#clock.now()
    this.#session = { id: nextSession(), life: bmcLife, openedAt, pending: new Set() }
    this.#silentSince = undefined
    this.#unanswered = 0
    this.#failure = undefined
    this.#heardAt = openedAt
    this.identity ??= `guid-of-${options.name}`
    if (options.boundIdentity === undefined) options.bindIdentity?.(this.identity)
    this.#showLink()
    this.#warmed()
  }

  #abandon(): void {
    const pending = [...(this.#session?.pending ?? [])]
    this.#session = undefined
    for (const settle of pending) settle({ kind: 'lost', detail: 'the session is gone' })
  }

  #warmed(): void {
    this.#asked = undefined
    if (this.#waiters.size > 0) this.#ask()
    for (const look of [...this.#readyWaiters]) look()
  }

  #showLink(): void {
    const state = this.#warm ? 'up' : this.#session || this.#failure ? 'down' : 'connecting'
    if (state === this.link.state) return
    this.link = { state, detail: this.#failure ?? '', permanent: false }
    this.#stand.options.events.linkChanged(this.link)
    for (const look of [...this.#readyWaiters]) look()
  }
}
