// How a small single-threaded device takes up its datagrams: one by one, in order, perhaps late, perhaps
// not until it is let go on. Holds as much as a socket buffer would, and loses the rest.
import type { Cancel, Clock } from '../../core/ports.ts'

const HELD = 256

export interface Pace {
  /** Handles nothing while true. */
  hung(): boolean
  /** Time before a datagram is taken up. */
  delayMs(): number
}

export class Inbox<T> {
  readonly #clock: Clock
  readonly #pace: Pace
  readonly #handle: (item: T) => number
  #waiting: T[] = []
  #busy: Cancel | undefined

  /** `handle` returns for how many milliseconds the device stays deaf afterwards. */
  constructor(clock: Clock, pace: Pace, handle: (item: T) => number) {
    this.#clock = clock
    this.#pace = pace
    this.#handle = handle
  }

  push(item: T): void {
    if (this.#waiting.length < HELD) this.#waiting.push(item)
    this.wake()
  }

  /** To be called when the pace has changed. */
  wake(): void {
    while (!this.#busy && this.#waiting.length > 0 && !this.#pace.hung()) {
      const delayMs = this.#pace.delayMs()
      if (delayMs > 0) this.#busyFor(delayMs, () => this.#takeUp())
      else this.#takeUp()
    }
  }

  clear(): void {
    this.#waiting = []
    this.#busy?.()
    this.#busy = undefined
  }

  #takeUp(): void {
    if (this.#pace.hung()) return
    const item = this.#waiting.shift()
    if (item === undefined) return
    const deafMs = this.#handle(item)
    if (deafMs > 0) this.#busyFor(deafMs, () => {})
  }

  #busyFor(delayMs: number, then: () => void): void {
    this.#busy = this.#clock.after(delayMs, () => {
      this.#busy = undefined
      then()
      this.wake()
    })
  }
}
