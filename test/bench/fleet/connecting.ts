// All sites connect at once, tell what they read, and then are idle: how long it takes, and what an idle agent
// costs the control plane.
import { nodeClock } from '../../../runtime/node.ts'
import { pause } from '../instants.ts'
import type { Section } from '../table.ts'
import { between, Counter } from './counts.ts'
import type { Fleet, FleetAnswer } from './fleet.ts'
import type { FleetOptions } from './options.ts'
import { memoryMb, type Target } from './target.ts'

export async function connecting(
  target: Target,
  fleet: Fleet,
  { sites, servers }: FleetOptions,
): Promise<Section> {
  const counter = new Counter(target.databaseUrl)
  const [before, memoryBefore] = [await counter.count(), memoryMb(target)]
  const connected = await fleet.ask({ ask: 'connect' })
  await fleet.ask({ ask: 'settle' })
  const settledMs = nodeClock.now() - connected.startedAt
  const cost = between(before, await counter.count())
  await counter.close()
  await pause(target.restMs)
  const grownMb = memoryMb(target) - memoryBefore
  return {
    title: `Connecting: ${sites} sites of ${servers} servers at once, ${target.name}`,
    rows: [
      { what: 'dialled → welcomed', samples: sinceStart(connected), unit: 'ms' },
      { what: '→ the first readings of all stored', samples: [settledMs], unit: 'ms' },
      { what: 'dials per agent', samples: [connected.dials / sites], unit: 'dials' },
      { what: 'growth of resident memory', samples: [grownMb], unit: 'MB' },
      {
        what: 'connected idle agents per 100 MB',
        samples: [(sites * 100) / Math.max(grownMb, 0.1)],
        unit: 'agents',
      },
      { what: 'rows written per site', samples: [cost.rows / sites], unit: 'rows' },
      { what: 'transactions per site', samples: [cost.transactions / sites], unit: 'rows' },
      { what: 'write-ahead log per site', samples: [cost.wal / sites / 1000], unit: 'kB' },
      { what: 'growth of the database per site', samples: [cost.size / sites / 1000], unit: 'kB' },
    ],
    notes: [
      `Resident before: ${memoryBefore.toFixed(0)} MB, after all sites were made over REST.`,
      `Rows by table: ${JSON.stringify(cost.byTable)}.`,
    ],
  }
}

/** Of each agent, how long it took, in order. */
export function sinceStart({ welcomedAt, startedAt }: FleetAnswer): number[] {
  return welcomedAt.map((at) => at - startedAt)
}
