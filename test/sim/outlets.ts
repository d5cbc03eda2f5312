// The controller of one simulated PDU, with the habits of the SNMP driver: no session, reads asked again while
// nothing comes, silence of three seconds is a link that is down.
import type {
  Answer,
  Armed,
  Link,
  OutletController,
  OutletReadings,
  Silence,
  Switch,
} from '../../agent/drivers/driver.ts'
import type { SnmpOutletOptions } from '../../agent/drivers/snmp/outlet-controller.ts'
import type { Cancel } from '../../core/ports.ts'
import type { Effect } from './effects.ts'
import type { Life } from './life.ts'
import type { Path } from './path.ts'
import type { Pdu } from './pdu.ts'

const RESEND_MS = 1000
const SILENT_AFTER_MS = 3000
const EFFECT_TIMEOUT_MS = 10_000
const RETRY_MS = 1500
const DEVICE_MS = 15

export interface OutletStand {
  life: Life
  pdu: Pdu
  path: Path
  options: SnmpOutletOptions
  sent(device: string, outlet: number, action: Switch): Effect
  told(outlet: string, value: 'on' | 'off'): void
}

export class SimOutlets implements OutletController {
  link: Link = { state: 'connecting', detail: 'not asked yet', permanent: false }
  readonly model = undefined
  readonly firmware = undefined
  readonly #stand: OutletStand
  #silence: Cancel | undefined
  #closed = false
  #waiters = new Set<() => void>()

  constructor(stand: OutletStand) {
    this.#stand = stand
  }

  start(): void {
    this.#connect()
  }

  arm(outlet: number, to: Switch): Armed | undefined {
    if (this.link.state !== 'up' || this.#closed) return undefined
    let spent = false
    return {
      fire: (guard, answered) => {
        if (spent || !guard()) return false
        spent = true
        this.#shoot(outlet, to, answered)
        return true
      },
    }
  }

  ready(timeoutMs: number): Promise<boolean> {
    if (this.link.state !== 'connecting') return Promise.resolve(this.link.state === 'up')
    return new Promise((resolve) => {
      const end = () => {
        cancel()
        this.#waiters.delete(end)
        resolve(this.link.state === 'up')
      }
      const cancel = this.#clock.after(timeoutMs, end)
      this.#waiters.add(end)
    })
  }

  read(outlets: readonly number[], timeoutMs: number): Promise<OutletReadings | Silence> {
    const { pdu, told } = this.#stand
    const calledAt = this.#clock.now()
    return new Promise((resolve) => {
      if (this.link.state !== 'up') {
        // As the driver does, it is waited for the time given.
        this.#clock.after(timeoutMs, () =>
          resolve({ value: 'silent', askedAt: calledAt, detail: this.link.detail }),
        )
        return
      }
      const look = () =>
        outlets.map((outlet) => ({ outlet, value: pdu.isOn(outlet) ? 'on' : 'off' }) as const)
      this.#ask(timeoutMs, look, (read, askedAt) => {
        if (!read) return resolve({ value: 'silent', askedAt: calledAt, detail: 'no answer' })
        for (const { outlet, value } of read) told(`${pdu.name}/${outlet}`, value)
        resolve({
          value: 'read',
          askedAt,
          answeredAt: this.#clock.now(),
          readAt: this.#clock.wall(),
          outlets: read.map(({ outlet, value }) => ({ outlet, value, raw: value })),
        })
      })
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#silence?.()
    for (const end of [...this.#waiters]) end()
  }

  get #clock() {
    return this.#stand.options.clock
  }

  /** Asks until there is an answer or the time is over; an answer counts from its own question. */
  #ask<T>(
    timeoutMs: number,
    look: () => T,
    done: (read: T | undefined, askedAt: number) => void,
  ): void {
    const { pdu, path, life, options } = this.#stand
    const firstAt = this.#clock.now()
    let open = true
    const end = (read: T | undefined, askedAt: number) => {
      if (!open) return
      open = false
      if (read !== undefined) {
        this.#silence?.()
        this.#silence = undefined
        if (!this.#closed) options.events.heard(askedAt)
      }
      done(read, askedAt)
    }
    this.#silence ??= this.#clock.after(SILENT_AFTER_MS, () => this.#fail())
    const send = () => {
      if (!open || this.#closed) return
      const askedAt = this.#clock.now()
      path.send('there', () =>
        pdu.reach({
          handle: () => {
            const read = look()
            this.#back(() => life.deliver(() => end(read, askedAt)))
          },
          drop: () => {},
        }),
      )
      this.#clock.after(RESEND_MS, send)
    }
    send()
    this.#clock.after(timeoutMs, () => end(undefined, firstAt))
  }

  #back(arrive: () => void): void {
    const { life, path } = this.#stand
    life.world.time.after(DEVICE_MS, () => path.send('back', arrive))
  }

  #shoot(outlet: number, to: Switch, answered: (answer: Answer) => void): void {
    const { pdu, path, life, options, sent } = this.#stand
    const effect = sent(`${pdu.name}/${outlet}`, outlet, to)
    const askedAt = this.#clock.now()
    let open = true
    const settle = (answer: Answer, byDevice: boolean) => {
      if (!open) return
      open = false
      if (byDevice) {
        this.#silence?.()
        this.#silence = undefined
        if (!this.#closed) options.events.heard(askedAt)
      }
      answered(answer)
    }
    const handle = () => {
      const again = effect.state === 'taken'
      effect.state = 'taken'
      const fate = again ? 'does' : pdu.takeFate(outlet, to)
      if (fate === 'does' || fate === 'reply-lost') pdu.order(outlet, to, effect)
      if (fate === 'reply-lost') return
      const kind = fate === 'refuses' ? 'refused' : 'accepted'
      this.#back(() => life.deliver(() => settle({ kind, detail: kind }, true)))
    }
    const drop = () => {
      if (effect.state !== 'taken') effect.state = 'dropped'
    }
    const arrive = () => {
      if (effect.state === 'dropped') return
      if (effect.state === 'flying') effect.state = 'waiting'
      pdu.reach({ handle, drop })
    }
    path.send('there', arrive, drop)
    this.#clock.after(EFFECT_TIMEOUT_MS, () =>
      settle({ kind: 'lost', detail: 'no usable answer' }, false),
    )
  }

  #connect(): void {
    if (this.#closed) return
    this.#ask(
      SILENT_AFTER_MS,
      () => true,
      (found) => {
        if (found) this.#tell('up', '')
        else this.#fail()
      },
    )
  }

  #fail(): void {
    this.#silence?.()
    this.#silence = undefined
    if (this.#closed) return
    const wasDown = this.link.state === 'down'
    this.#tell('down', 'no answer')
    const again = () => this.#connect()
    if (!wasDown || !this.#retrying) {
      this.#retrying = true
      this.#clock.after(RETRY_MS, () => {
        this.#retrying = false
        again()
      })
    }
  }

  #retrying = false

  #tell(state: Link['state'], detail: string): void {
    if (state === this.link.state) return
    this.link = { state, detail, permanent: false }
    this.#stand.options.events.linkChanged(this.link)
    for (const end of [...this.#waiters]) end()
  }
}
