// The two storms that a fleet makes by itself: every link is lost in the same instant, and every site reports a
// ladder in the same instant.
import { BenchApi } from '../api.ts'
import { pause } from '../instants.ts'
import type { Row, Section } from '../table.ts'
import { sinceStart } from './connecting.ts'
import { between, Counter } from './counts.ts'
import type { Fleet } from './fleet.ts'
import type { FleetOptions } from './options.ts'
import { serverName, siteName } from './site-document.ts'
import { memoryMb, type Target } from './target.ts'

const MEMORY_EVERY_MS = 50

export async function storm(target: Target, fleet: Fleet, options: FleetOptions): Promise<Section> {
  return {
    title: `Storms: ${options.sites} sites at once, ${target.name}`,
    rows: [...(await cutAll(target, fleet, options)), ...(await ladders(target, fleet, options))],
    notes: [
      'After a cut each agent dials again after a random part of 250 ms, doubled at every failure. A ladder is',
      'nine records in four reports, each sent when the one before it is stored.',
    ],
  }
}

async function cutAll(
  target: Target,
  fleet: Fleet,
  { sites, quick }: FleetOptions,
): Promise<Row[]> {
  const [all, last, dials, peak]: [number[], number[], number[], number[]] = [[], [], [], []]
  for (let run = 0; run < (quick ? 1 : 3); run++) {
    await pause(1000)
    const before = (await fleet.ask({ ask: 'look' })).dials
    const watched = watchMemory(target)
    const answer = await fleet.ask({ ask: 'cut' })
    const took = sinceStart(answer)
    peak.push(watched())
    all.push(...took)
    last.push(Math.max(...took))
    dials.push((answer.dials - before) / sites)
  }
  return [
    { what: 'links lost → an agent welcomed', samples: all, unit: 'ms' },
    { what: 'links lost → all welcomed', samples: last, unit: 'ms' },
    { what: 'dials per agent', samples: dials, unit: 'dials' },
    { what: 'resident memory at the peak', samples: peak, unit: 'MB' },
  ]
}

/** Call what it returns for the highest figure since. */
function watchMemory(target: Target): () => number {
  let highest = memoryMb(target)
  const look = () => {
    highest = Math.max(highest, memoryMb(target))
  }
  const timer = setInterval(look, MEMORY_EVERY_MS)
  return () => {
    clearInterval(timer)
    look()
    return highest
  }
}

async function ladders(
  target: Target,
  fleet: Fleet,
  { sites, servers, quick }: FleetOptions,
): Promise<Row[]> {
  const api = new BenchApi(target)
  const counter = new Counter(target.databaseUrl)
  const [rates, all, last, peak]: [number[], number[], number[], number[]] = [[], [], [], []]
  const costs: { rows: number; transactions: number; wal: number; size: number }[] = []
  for (let run = 0; run < (quick ? 1 : 3); run++) {
    await fleet.ask({ ask: 'hold' })
    const before = await counter.count()
    const ended = await counter.endedResets()
    const ids: string[] = []
    // Not measured here, so in small groups.
    for (let index = 0; index < sites; index += 10) {
      const group = Array.from({ length: Math.min(10, sites - index) }, (_, at) =>
        api.reset({
          site: siteName(index + at),
          server: serverName((12 + run) % servers),
          mode: 'ladder',
        }),
      )
      ids.push(...(await Promise.all(group)))
    }
    await fleet.received(ids)
    const accepted = await counter.count()
    const watched = watchMemory(target)
    const { startedAt, endedAt } = await fleet.ask({ ask: 'climb' })
    peak.push(watched())
    const tookMs = Math.max(...endedAt) - startedAt
    const reported = between(accepted, await counter.count())
    const now = await counter.endedResets()
    if (now - ended !== sites)
      throw new Error(`${now - ended} of ${sites} resets are shown as ended`)
    const whole = between(before, await counter.count())
    rates.push((reported.rows * 1000) / tookMs)
    all.push(...endedAt.map((at) => at - startedAt))
    last.push(tookMs)
    costs.push(whole)
  }
  await counter.close()
  const each = (of: (cost: (typeof costs)[number]) => number) =>
    costs.map((cost) => of(cost) / sites)
  return [
    { what: 'ladders reported → one is terminal', samples: all, unit: 'ms' },
    { what: 'ladders reported → all are terminal', samples: last, unit: 'ms' },
    { what: 'rows written meanwhile', samples: rates, unit: '/s' },
    { what: 'resident memory at the peak', samples: peak, unit: 'MB' },
    { what: 'a whole reset: rows written', samples: each(({ rows }) => rows), unit: 'rows' },
    {
      what: 'a whole reset: transactions',
      samples: each(({ transactions }) => transactions),
      unit: 'rows',
    },
    { what: 'a whole reset: write-ahead log', samples: each(({ wal }) => wal / 1000), unit: 'kB' },
    {
      what: 'a whole reset: growth of the database',
      samples: each(({ size }) => size / 1000),
      unit: 'kB',
    },
  ]
}
