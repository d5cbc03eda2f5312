// From the request to the agent: one at a time, and at every site at once.
import { nodeClock } from '../../../runtime/node.ts'
import { BenchApi } from '../api.ts'
import { pause } from '../instants.ts'
import type { Row, Section } from '../table.ts'
import { chassisRows } from './chassis.ts'
import type { Fleet } from './fleet.ts'
import type { FleetOptions } from './options.ts'
import { serverName, siteName } from './site-document.ts'
import type { Target } from './target.ts'

/** Sites that are asked for nothing before they are measured: connections and compilers warm up at others. */
const WARM_UP = 30

export async function orders(
  target: Target,
  fleet: Fleet,
  options: FleetOptions,
): Promise<Section> {
  return {
    title: `Orders: request sent → order at the agent, ${target.name}`,
    rows: [
      ...(await oneByOne(target, fleet, options)),
      ...(await chassisRows(target, options)),
      ...(await atAllSites(target, fleet, options)),
    ],
    notes: [
      'One at a time: each request on a new connection, at another site than the one before. At all sites: as',
      'many connections as sites. The agents live in one other process, which verifies every order.',
    ],
  }
}

async function oneByOne(
  target: Target,
  fleet: Fleet,
  { sites, servers, quick }: FleetOptions,
): Promise<Row[]> {
  const api = new BenchApi(target)
  const [toAgent, toAnswer]: [number[], number[]] = [[], []]
  const runs = quick ? 40 : 300
  for (let run = 0; run < WARM_UP + runs; run++) {
    const site = siteName(run % sites)
    // A server is not reset again while its former reset is open.
    const server = serverName(Math.floor(run / sites) % servers)
    let sentAt = 0
    const id = await api.reset({ site, server, mode: 'hard' }, () => {
      sentAt = nodeClock.now()
    })
    const answeredAt = nodeClock.now()
    const [receivedAt = Number.NaN] = await fleet.received([id])
    await pause(10)
    if (run < WARM_UP) continue
    toAgent.push(receivedAt - sentAt)
    toAnswer.push(answeredAt - sentAt)
  }
  return [
    { what: 'one at a time: → order at the agent', samples: toAgent, unit: 'ms' },
    { what: 'one at a time: → 202', samples: toAnswer, unit: 'ms' },
  ]
}

async function atAllSites(
  target: Target,
  fleet: Fleet,
  { sites, servers, quick }: FleetOptions,
): Promise<Row[]> {
  const api = new BenchApi(target)
  const [first, last, answered]: [number[], number[], number[]] = [[], [], []]
  const all: number[] = []
  for (let run = 0; run < (quick ? 1 : 5); run++) {
    await fleet.ask({ ask: 'hold' })
    const from = nodeClock.now()
    const ids = await Promise.all(
      Array.from({ length: sites }, async (_, index) => {
        const reset = {
          site: siteName(index),
          server: serverName((5 + run) % servers),
          mode: 'hard',
        }
        const id = await api.reset(reset)
        answered.push(nodeClock.now() - from)
        return id
      }),
    )
    const took = (await fleet.received(ids)).map((at) => at - from)
    first.push(Math.min(...took))
    last.push(Math.max(...took))
    all.push(...took)
    await fleet.ask({ ask: 'climb' })
  }
  return [
    { what: `${sites} at once: → order at its agent`, samples: all, unit: 'ms' },
    { what: `${sites} at once: → first order`, samples: first, unit: 'ms' },
    { what: `${sites} at once: → last order`, samples: last, unit: 'ms' },
    { what: `${sites} at once: → 202`, samples: answered, unit: 'ms' },
  ]
}
