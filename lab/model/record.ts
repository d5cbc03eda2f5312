// What was done to a device and when, for the oracle: the newest records are kept, the counts are complete.
import type { Clock } from '../../core/ports.ts'

const KEPT = 1000

export interface Recorded<T> {
  /** Monotonic milliseconds. */
  at: number
  /** RFC 3339. */
  wall: string
  what: T
}

export class Records<T> {
  readonly #clock: Clock
  #kept: Recorded<T>[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(what: T): void {
    this.#kept.push({ at: this.#clock.now(), wall: this.#clock.wall(), what })
    if (this.#kept.length > KEPT) this.#kept.shift()
  }

  /** The newest records, oldest first; at most a thousand. */
  list(): readonly Recorded<T>[] {
    return this.#kept
  }
}
