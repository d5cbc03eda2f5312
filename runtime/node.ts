// The one place where Node's clock, timers and randomness enter; everything else takes these ports.
import { randomBytes } from 'node:crypto'
import type { Clock, Random } from '../core/ports.ts'

const monotonicUs = () => Number(process.hrtime.bigint() / 1000n)
let wallOffsetUs = Date.now() * 1000 - monotonicUs()

/** `Date` has no microseconds: they come from the monotonic clock, re-based when the wall clock steps. */
function wallUs(): number {
  const us = monotonicUs() + wallOffsetUs
  const aheadUs = Date.now() * 1000 - us
  if (aheadUs > -1000 && aheadUs < 2000) return us
  wallOffsetUs += aheadUs
  return us + aheadUs
}

/**
 * Monotonic time is CLOCK_MONOTONIC: it counts on over restarts of this process, so that a journalled
 * instant stays comparable as long as the machine has not booted in between.
 */
export const nodeClock: Clock = {
  now: () => monotonicUs() / 1000,
  wallMs: () => Date.now(),
  wall() {
    const us = wallUs()
    const iso = new Date(Math.floor(us / 1000)).toISOString()
    return `${iso.slice(0, -1)}${String(us % 1000).padStart(3, '0')}Z`
  },
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.max(0, delayMs))
    return () => clearTimeout(timer)
  },
}

export const nodeRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  fraction: () => Math.random(),
}
