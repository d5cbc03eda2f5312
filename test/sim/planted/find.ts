// Looks for a seed in which a weakened rule shows.
import { type Outcome, run } from '../votes/run.ts'
import type { Weakening } from './weakenings.ts'

export interface Found {
  /** Undefined when nothing showed in the time given. */
  outcome: Outcome | undefined
  seeds: number
  siteMs: number
}

/** Only what the weakening must break counts as found. */
export function find(
  { profile, rules, breaks }: Weakening,
  from: number,
  goesOn: () => boolean,
): Found {
  let siteMs = 0
  let seeds = 0
  for (let seed = from; goesOn(); seed += 1) {
    const outcome = run({ seed, profile, rules: rules() })
    siteMs += outcome.siteMs
    seeds += 1
    if (outcome.violation?.rule === breaks) return { outcome, seeds, siteMs }
  }
  return { outcome: undefined, seeds, siteMs }
}
