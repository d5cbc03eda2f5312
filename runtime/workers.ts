// Clock, timers and randomness of Cloudflare Workers; everything else takes these ports.
import type { Clock, Random } from '../core/ports.ts'

/**
 * The clock of this platform has milliseconds, and stands still while code runs: it goes on with each answer from
 * outside. `now` counts from the start of the isolate.
 */
export const workersClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  wall: () => new Date(Date.now()).toISOString().replace('Z', '000Z'),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.max(0, delayMs))
    return () => clearTimeout(timer)
  },
}

export const workersRandom: Random = {
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  fraction: () => Math.random(),
}
