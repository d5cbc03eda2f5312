// Plays one world after the other, from a seed on, and counts.
import { NOTHING, type Planted } from './planted.ts'
import { drawScenario } from './scenario.ts'
import { type Outcome, World } from './world.ts'

export interface Played {
  worlds: number
  ladders: number
  faults: number
  virtualMs: number
  results: Map<string, number>
  /** The seed of the world in which a promise was broken, if one was. */
  failed: { seed: number; outcome: Outcome } | undefined
}

/** Until `enough` says so, or a promise is broken. */
export async function playFrom(
  seed: number,
  enough: (played: Played) => boolean,
  planted: Planted = NOTHING,
): Promise<Played> {
  const played: Played = {
    worlds: 0,
    ladders: 0,
    faults: 0,
    virtualMs: 0,
    results: new Map(),
    failed: undefined,
  }
  for (let next = seed; !enough(played) && !played.failed; next += 1) {
    const outcome = await World.play(drawScenario(next), { planted })
    played.worlds += 1
    played.ladders += outcome.ladders
    played.faults += outcome.faults
    played.virtualMs += outcome.virtualMs
    for (const [result, count] of outcome.results) {
      played.results.set(result, (played.results.get(result) ?? 0) + count)
    }
    if (outcome.violation) played.failed = { seed: next, outcome }
  }
  return played
}

export function tell(
  { worlds, ladders, faults, virtualMs, results }: Played,
  cpuS: number,
): string {
  const told = [...results].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${count} ${name}`)
  return [
    `${worlds} worlds, ${ladders} ladders, ${faults} faults, ${(virtualMs / 60_000).toFixed(0)} min`,
    `${(ladders / cpuS).toFixed(1)} ladders per second of processor`,
    told.join(', '),
  ].join('; ')
}
