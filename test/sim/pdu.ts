// One switched PDU: relays that take their time, answers that may not come.
import type { Effect } from './effects.ts'
import type { Fate } from './machine.ts'
import type { Timeline } from './timeline.ts'

export class Pdu {
  readonly name: string
  /** From accepting a command to the relay's move. */
  takesMs = 100
  readonly fates: { outlet: number; to: 'on' | 'off'; fate: Fate }[] = []
  /** A relay moved. */
  moved: (outlet: number, by: Effect | undefined) => void = () => {}
  readonly #time: Timeline
  readonly #closed = new Map<number, boolean>()
  readonly #orders = new Map<number, number>()
  #frozen: { until: number; keeps: boolean } | undefined
  #held: { handle(): void; drop(): void }[] = []

  constructor(name: string, time: Timeline) {
    this.name = name
    this.#time = time
  }

  isOn(outlet: number): boolean {
    return this.#closed.get(outlet) ?? true
  }

  reach(asked: { handle(): void; drop(): void }): void {
    if (!this.#frozen) return asked.handle()
    if (this.#frozen.keeps) this.#held.push(asked)
    else asked.drop()
  }

  freeze(forMs: number, keeps: boolean): void {
    const until = this.#time.now + forMs
    this.#frozen = { until, keeps }
    this.#time.at(until, () => {
      if (this.#frozen?.until !== until) return
      this.#frozen = undefined
      for (const asked of this.#held.splice(0)) this.reach(asked)
    })
  }

  takeFate(outlet: number, to: 'on' | 'off'): Fate {
    const index = this.fates.findIndex((each) => each.outlet === outlet && each.to === to)
    if (index < 0) return 'does'
    return this.fates.splice(index, 1)[0]?.fate ?? 'does'
  }

  /** The newest command of an outlet counts. */
  order(outlet: number, to: 'on' | 'off', by: Effect): void {
    const order = (this.#orders.get(outlet) ?? 0) + 1
    this.#orders.set(outlet, order)
    this.#time.after(this.takesMs, () => {
      if (this.#orders.get(outlet) !== order) return
      if (this.isOn(outlet) === (to === 'on')) return
      this.#closed.set(outlet, to === 'on')
      this.moved(outlet, by)
    })
  }
}
