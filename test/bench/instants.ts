// Instants of different processes on one scale. The simulator stamps CLOCK_REALTIME in nanoseconds; Node tells
// that clock in whole milliseconds only, so the offset of the monotonic clock to it is measured at an edge.
import { nodeClock } from '../../runtime/node.ts'

/** Edges looked at; the earliest reading after one is the truest, the others were delayed. */
const EDGES = 5

/** Epoch milliseconds with fraction, right to a few microseconds while it is fresh. */
export type EpochClock = () => number

/** Busy for about `EDGES` milliseconds. To be measured anew before each row: the wall clock is slewed. */
export function alignEpochClock(): EpochClock {
  let offsetMs = Number.NEGATIVE_INFINITY
  for (let edge = 0; edge < EDGES; edge++) {
    const before = Date.now()
    let now = before
    while (now === before) now = Date.now()
    offsetMs = Math.max(offsetMs, now - nodeClock.now())
  }
  return () => nodeClock.now() + offsetMs
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Looks again until it holds; throws when the time is over. */
export async function until(
  what: string,
  timeoutMs: number,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  for (const end = nodeClock.now() + timeoutMs; nodeClock.now() < end; await pause(20)) {
    if (await holds()) return
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}`)
}
