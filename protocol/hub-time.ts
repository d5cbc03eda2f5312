// The hub's time as an agent knows it: what the link said last, counted on by the monotonic clock, and never
// backwards. It alone judges expiry (spec architecture.md, decision 6).

/** A steady clock errs by less: counting so much too slowly never expires an order that is still good. */
const STEADY_RATE_DOUBT = 0.001
/** A clock that is being slewed errs by up to this (spec redundancy.md, "Votes"). */
const SLEWED_RATE_DOUBT = 0.1

export interface HubTime {
  /** Epoch ms of the hub that the count starts from. */
  baseMs: number
  /** Monotonic ms at that moment. */
  baseAt: number
  /** What was counted already; time stands still there until the base has caught up. */
  floorMs: number
}

/**
 * Takes up `nowMs` from a message of the hub. One that was long under way tells an old time: the count is
 * corrected backwards only by what our own clock may have run ahead since the last message.
 */
export function noteHubTime(
  time: HubTime | undefined,
  nowMs: number,
  monotonicNow: number,
): HubTime | undefined {
  if (!Number.isFinite(nowMs)) return time
  if (time === undefined) return { baseMs: nowMs, baseAt: monotonicNow, floorMs: nowMs }
  const elapsed = Math.max(0, monotonicNow - time.baseAt)
  const leastMs = time.baseMs + elapsed * (1 - SLEWED_RATE_DOUBT)
  return {
    baseMs: Math.max(nowMs, leastMs),
    baseAt: monotonicNow,
    floorMs: counted(time, monotonicNow),
  }
}

/** Epoch ms of the hub; undefined before its first message, when no expiry can be judged. */
export function hubNow(time: HubTime | undefined, monotonicNow: number): number | undefined {
  if (time === undefined) return undefined
  return Math.floor(counted(time, monotonicNow))
}

function counted(time: HubTime, monotonicNow: number): number {
  const elapsed = Math.max(0, monotonicNow - time.baseAt)
  return Math.max(time.floorMs, time.baseMs + elapsed * (1 - STEADY_RATE_DOUBT))
}
