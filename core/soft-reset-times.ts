// From measured soft resets to a `hardResetAfterMs` (spec domain.md §9): above the longest one, with a margin
// for the load of network and BMC.
import { HARD_RESET_AFTER_MS } from './limits/bounds.ts'

const MARGIN_MIN_MS = 500
const MARGIN_SHARE = 0.25

export interface Recommendation {
  maxMs: number
  marginMs: number
  /** Undefined when even the longest timer is too short: the hard step would cut the dump's notice off. */
  hardResetAfterMs?: number
}

/**
 * The longest time, and a quarter of it but at least 500 ms on top, rounded up to the next 100 ms and at least
 * 1000 ms. Undefined when nothing was measured.
 */
export function recommendHardResetAfter(timesMs: readonly number[]): Recommendation | undefined {
  if (timesMs.length === 0) return undefined
  const { min, max, step = 1 } = HARD_RESET_AFTER_MS
  const maxMs = Math.max(...timesMs)
  const marginMs = Math.max(MARGIN_MIN_MS, maxMs * MARGIN_SHARE)
  const wanted = Math.max(min, Math.ceil((maxMs + marginMs) / step) * step)
  return { maxMs, marginMs, ...(wanted <= max ? { hardResetAfterMs: wanted } : {}) }
}
