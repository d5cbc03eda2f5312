// Links between the two management servers and the control plane, each way on its own: cut, lossy, slow.
import type { Chance } from './chance.ts'
import type { Schedule } from './schedule.ts'

/** 0 and 1 are the agents, 2 the control plane. */
export type Place = 0 | 1 | 2

/** What a network does beside being cut; zeros in calm times. */
export interface Weather {
  loss: number
  /** Of what a cut or a loss held up, so much comes later, as a stream resends it. */
  late: number
  duplicate: number
  slow: number
  slowMs: number
}

export const CALM: Weather = { loss: 0, late: 0, duplicate: 0, slow: 0, slowMs: 0 }
/** Nothing is under way for longer. */
export const LATE_MS_MAX = 6000

export class Network {
  weather = CALM
  /** Messages that left for the control plane. */
  toControlPlane = 0
  readonly #cuts = new Int32Array(9)
  readonly #schedule: Schedule
  readonly #chance: Chance

  constructor(schedule: Schedule, chance: Chance) {
    this.#schedule = schedule
    this.#chance = chance
  }

  /** Cuts nest: a link is up when every cut of it is healed. */
  cut(from: Place, to: Place): void {
    const link = from * 3 + to
    this.#cuts[link] = (this.#cuts[link] ?? 0) + 1
  }

  heal(from: Place, to: Place): void {
    const link = from * 3 + to
    this.#cuts[link] = Math.max(0, (this.#cuts[link] ?? 0) - 1)
  }

  healAll(): void {
    this.#cuts.fill(0)
  }

  isUp(from: Place, to: Place): boolean {
    return this.#cuts[from * 3 + to] === 0
  }

  send(from: Place, to: Place, arrive: () => void): void {
    if (to === 2) this.toControlPlane += 1
    const { weather } = this
    const chance = this.#chance
    if (!this.isUp(from, to) || chance.happens(weather.loss)) {
      if (!chance.happens(weather.late)) return
      this.#schedule.after(chance.between(200, LATE_MS_MAX), () => {
        if (this.isUp(from, to)) arrive()
      })
      return
    }
    this.#schedule.after(this.#delayMs(from, to), arrive)
    if (chance.happens(weather.duplicate)) {
      this.#schedule.after(this.#delayMs(from, to) + chance.between(0, 400), arrive)
    }
  }

  #delayMs(from: Place, to: Place): number {
    const chance = this.#chance
    const base = from === 2 || to === 2 ? chance.between(5, 60) : chance.between(0.2, 2)
    if (!chance.happens(this.weather.slow)) return base
    return base + Math.min(chance.about(this.weather.slowMs), LATE_MS_MAX)
  }
}
