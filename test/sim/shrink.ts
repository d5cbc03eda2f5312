// Makes a failing world small: leaves out requests and faults, many at once and then one by one, for as long as
// the same promise is still broken.
import type { Planted } from './planted.ts'
import type { Scenario } from './scenario.ts'
import { type Outcome, World } from './world.ts'

const RUNS_MAX = 400
/** What still happens after the last of it. */
const TAIL_MS = 60_000

export interface Shrunk {
  scenario: Scenario
  outcome: Outcome
  runs: number
}

type Item = { ask: Scenario['asks'][number] } | { fault: Scenario['faults'][number] }

export async function shrink(
  scenario: Scenario,
  broken: string,
  planted: Planted,
): Promise<Shrunk> {
  const wanted = kindOf(broken)
  let runs = 0
  const fails = async (items: readonly Item[]) => {
    runs += 1
    const { violation } = await World.play(scenarioOf(scenario, items), { planted })
    return violation !== undefined && kindOf(violation.message) === wanted
  }
  let items: Item[] = [
    ...scenario.asks.map((ask) => ({ ask })),
    ...scenario.faults.map((fault) => ({ fault })),
  ].sort((a, b) => atOf(a) - atOf(b))
  for (let size = items.length >> 1; size >= 1 && runs < RUNS_MAX; ) {
    let less = false
    // From behind: what came after the failure goes first.
    for (let end = items.length; end > 0 && runs < RUNS_MAX; end -= size) {
      const rest = items.filter((_, index) => index < end - size || index >= end)
      if (rest.length < items.length && (await fails(rest))) {
        items = rest
        less = true
      }
    }
    if (!less || size > 1) size = size === 1 ? 0 : Math.max(1, size >> 1)
  }
  const small = scenarioOf(scenario, items)
  return { scenario: small, outcome: await World.play(small, { planted, tells: true }), runs }
}

/** Without names and numbers: the same promise, whichever server it was broken on. */
function kindOf(said: string): string {
  return said.replace(/\b(rst|opr)_\w+|\bS\d+\b|[\d.]+/g, '#')
}

function atOf(item: Item): number {
  return 'ask' in item ? item.ask.at : item.fault.at
}

function scenarioOf(scenario: Scenario, items: readonly Item[]): Scenario {
  const last = Math.max(0, ...items.map(atOf))
  return {
    ...scenario,
    asks: items.flatMap((item) => ('ask' in item ? [item.ask] : [])),
    faults: items.flatMap((item) => ('fault' in item ? [item.fault] : [])),
    endsAt: Math.min(scenario.endsAt, last + TAIL_MS),
  }
}
