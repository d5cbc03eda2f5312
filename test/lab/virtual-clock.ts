// A clock that stands still until it is told to go on, and randomness that repeats.
import { createHash } from 'node:crypto'
import type { Cancel, Clock, Random } from '../../core/ports.ts'

interface Timer {
  at: number
  order: number
  callback: () => void
}

const EPOCH_MS = Date.UTC(2026, 0, 1)

export class VirtualClock implements Clock {
  #now = 0
  #order = 0
  #timers = new Set<Timer>()

  now(): number {
    return this.#now
  }

  wall(): string {
    return new Date(this.wallMs()).toISOString().replace('Z', '000Z')
  }

  wallMs(): number {
    return EPOCH_MS + this.#now
  }

  after(delayMs: number, callback: () => void): Cancel {
    const timer = { at: this.#now + Math.max(0, delayMs), order: this.#order++, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  get pending(): number {
    return this.#timers.size
  }

  /** Lets so many milliseconds pass, running every timer that falls due at its own instant. */
  advance(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      const due = [...this.#timers]
        .filter(({ at }) => at <= until)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0]
      if (!due) break
      this.#timers.delete(due)
      this.#now = due.at
      due.callback()
    }
    this.#now = until
  }
}

export function seededRandom(seed: string): Random {
  let count = 0
  const block = () => createHash('sha256').update(`${seed} ${count++}`).digest()
  const bytes = (length: number) => {
    const blocks = Array.from({ length: Math.ceil(length / 32) }, block)
    return new Uint8Array(Buffer.concat(blocks).subarray(0, length))
  }
  return { bytes, fraction: () => Buffer.from(bytes(4)).readUInt32LE() / 2 ** 32 }
}
