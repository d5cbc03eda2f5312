// At most one read under way per device: slow PDUs answer one question after the other, and effects must
// not stand behind a heap of ours.
import type { Clock } from '../../../core/ports.ts'

const WAITING_MAX = 64

export class ReadLane {
  #clock: Clock
  #waiting: (() => Promise<void>)[] = []
  #busy = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get idle(): boolean {
    return !this.#busy
  }

  /** Runs the job in its turn; undefined when the turn does not come within `timeoutMs`. */
  run<T>(job: () => Promise<T>, timeoutMs: number): Promise<T | undefined> {
    if (this.#waiting.length >= WAITING_MAX) return Promise.resolve(undefined)
    return new Promise((resolve, reject) => {
      let late = false
      const cancel = this.#clock.after(timeoutMs, () => {
        late = true
        resolve(undefined)
      })
      this.#waiting.push(async () => {
        if (late) return
        cancel()
        await job().then(resolve, reject)
      })
      this.#next()
    })
  }

  #next(): void {
    if (this.#busy) return
    const job = this.#waiting.shift()
    if (!job) return
    this.#busy = true
    void job().finally(() => {
      this.#busy = false
      this.#next()
    })
  }
}
