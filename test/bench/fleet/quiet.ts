// A fleet where nothing happens: what it writes, what it asks of the database, and whether every agent's ping
// is answered.
import { nodeClock } from '../../../runtime/node.ts'
import { pause } from '../instants.ts'
import type { Section } from '../table.ts'
import { between, Counter } from './counts.ts'
import type { Fleet } from './fleet.ts'
import type { FleetOptions } from './options.ts'
import { memoryMb, processorMs, type Target } from './target.ts'

export async function quiet(
  target: Target,
  fleet: Fleet,
  { sites, servers, quick }: FleetOptions,
): Promise<Section> {
  const counter = new Counter(target.databaseUrl)
  await pause(target.restMs)
  const before = await counter.count()
  const wakesBefore = target.wakes?.()
  const looked = await fleet.ask({ ask: 'look' })
  const [from, cpuFrom] = [nodeClock.now(), processorMs(target)]
  await pause(quick ? 12_000 : 60_000)
  const [tookMs, cpuMs] = [nodeClock.now() - from, processorMs(target) - cpuFrom]
  const woken = wakesBetween(wakesBefore, target.wakes?.())
  const lookedAgain = await fleet.ask({ ask: 'look' })
  const cost = between(before, await counter.count())
  await counter.close()
  const pings = lookedAgain.pings - looked.pings
  const pongs = lookedAgain.pongs - looked.pongs
  // Those of the last moment are under way.
  if (pongs < pings - sites / 10) throw new Error(`${pongs} answers to ${pings} pings`)
  const perMinute = (count: number) => [(count * 60_000) / tookMs]
  return {
    title: `Quiet: ${sites * servers} servers at ${sites} sites, nothing happens, ${target.name}`,
    rows: [
      {
        what: 'rows written to the database',
        samples: perMinute(cost.rows),
        unit: '/min',
        goal: { max: 2 },
        note: `${cost.rows} in ${(tookMs / 1000).toFixed(0)} s`,
      },
      { what: 'transactions of the database', samples: perMinute(cost.transactions), unit: '/min' },
      { what: 'write-ahead log', samples: perMinute(cost.wal / 1000), unit: 'kB/min' },
      { what: 'database sessions opened', samples: perMinute(cost.sessions), unit: '/min' },
      { what: 'pings answered', samples: perMinute(pongs), unit: '/min', note: `of ${pings} sent` },
      ...Object.entries(woken).map(([cause, times]) => ({
        what: `hubs woken: ${cause}`,
        samples: perMinute(times),
        unit: '/min',
      })),
      {
        what: 'control plane, share of one core',
        samples: [(cpuMs / tookMs) * 100],
        unit: '%',
      },
      { what: 'resident memory', samples: [memoryMb(target)], unit: 'MB' },
    ],
    notes: [`Rows by table: ${JSON.stringify(cost.byTable)}.`],
  }
}

function wakesBetween(
  before: Record<string, number> | undefined,
  after: Record<string, number> | undefined,
): Record<string, number> {
  if (!before || !after) return {}
  const causes = Object.entries(after).map(([cause, times]): [string, number] => [
    cause,
    times - (before[cause] ?? 0),
  ])
  const all = causes.reduce((sum, [, times]) => sum + times, 0)
  return { 'for anything': all, ...Object.fromEntries(causes.filter(([, times]) => times > 0)) }
}
