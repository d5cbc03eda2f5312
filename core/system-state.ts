// The state of a system as it is shown (spec domain.md §5).
import { STOPPED_WITHOUT_REGISTRATION_MS } from './arbiter.ts'
import type { Result } from './outcome.ts'
import type { ShownLink, ShownPower } from './power-watch.ts'

export type SystemState = 'normal' | 'reset' | 'dump' | 'poff' | 'error' | '----'

export interface SystemFacts {
  /** A reset of its server is open and has not concluded. */
  beingReset: boolean
  /** The last conclusion that stopped it, if it has not registered since. */
  stopped?: { result: Result; at: number }
  /** A stop notice without a reset, if it has not registered since. */
  noticedAt?: number
  power: ShownPower
  provenOff: boolean
  bmc: ShownLink
  registered: boolean
  /** Monotonic ms. */
  now: number
}

/** `dump` and `poff` outlive the reset itself; a system that never registers is shown as such in the end. */
export function systemState(facts: SystemFacts): SystemState {
  if (facts.beingReset) return 'reset'
  const { stopped, noticedAt, now } = facts
  if (facts.provenOff) return 'poff'
  if (stopped?.result === 'POFF' && facts.power !== 'pon') return 'poff'
  const stoppedAt = Math.max(
    stopped && stopped.result !== 'POFF' ? stopped.at : Number.NEGATIVE_INFINITY,
    noticedAt ?? Number.NEGATIVE_INFINITY,
  )
  if (now - stoppedAt < STOPPED_WITHOUT_REGISTRATION_MS) return 'dump'
  if (facts.bmc === 'NG') return 'error'
  return facts.registered ? 'normal' : '----'
}
