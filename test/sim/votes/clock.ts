// The monotonic clock of one management server: wrong by up to 10 %, slewed at times, and standing still while
// its virtual machine is paused.
import type { Schedule } from './schedule.ts'

export class Clock {
  #base: number
  #since = 0
  #rate: number
  #standsStill = false
  readonly #schedule: Schedule

  constructor(schedule: Schedule, base: number, rate: number) {
    this.#schedule = schedule
    this.#base = base
    this.#rate = rate
    this.#since = schedule.now
  }

  now(): number {
    if (this.#standsStill) return this.#base
    return this.#base + (this.#schedule.now - this.#since) * this.#rate
  }

  /** Real ms from now until this clock shows the instant. */
  realMsUntil(at: number): number {
    return (at - this.now()) / this.#rate
  }

  slew(rate: number): void {
    this.#fix()
    this.#rate = rate
  }

  standStill(still: boolean): void {
    this.#fix()
    this.#standsStill = still
  }

  #fix(): void {
    this.#base = this.now()
    this.#since = this.#schedule.now
  }
}
