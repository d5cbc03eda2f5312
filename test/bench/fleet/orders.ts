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

/** Sites that are asked again and again, so that their hubs are awake. */
const AWAKE = 16
const WARM_UP = 2 * AWAKE

export async function orders(
  target: Target,
  fleet: Fleet,
  options: FleetOptions,
): Promise<Section> {
  return {
    title: `Orders: request sent → order at the agent, ${target.name}`,
    rows: [
      ...(await awake(target, fleet, options)),
      ...(target.wakes ? await asleep(target, fleet, options) : []),
      ...(await chassisRows(target, options)),
      ...(await atAllSites(target, fleet, options)),
    ],
    notes: [
      `One at a time: each request on a new connection; awake are the hubs of ${AWAKE} sites that are asked in turn,`,
      'asleep those that nobody asked for a while. At all sites: as many connections as sites. The agents live in',
      'one other process, which verifies every order.',
    ],
  }
}

async function awake(
  target: Target,
  fleet: Fleet,
  { sites, servers, quick }: FleetOptions,
): Promise<Row[]> {
  const asks = Array.from({ length: WARM_UP + (quick ? 40 : 300) }, (_, run) => {
    const used = Math.min(AWAKE, sites)
    // A server is not reset again while its former reset is open.
    return { site: siteName(run % used), server: serverName(Math.floor(run / used) % servers) }
  })
  return await oneByOne(target, fleet, { asks, warmUp: WARM_UP, what: 'hub awake' })
}

async function asleep(
  target: Target,
  fleet: Fleet,
  { sites, quick }: FleetOptions,
): Promise<Row[]> {
  await pause(target.restMs)
  const asks = Array.from({ length: Math.min(quick ? 10 : 100, sites - AWAKE) }, (_, run) => ({
    site: siteName(AWAKE + run),
    server: serverName(0),
  }))
  return await oneByOne(target, fleet, { asks, warmUp: 0, what: 'hub asleep' })
}

async function oneByOne(
  target: Target,
  fleet: Fleet,
  given: { asks: { site: string; server: string }[]; warmUp: number; what: string },
): Promise<Row[]> {
  const { asks, warmUp, what } = given
  const api = new BenchApi(target)
  const [toAgent, toAnswer]: [number[], number[]] = [[], []]
  for (const ask of asks) {
    let sentAt = 0
    const id = await api.reset({ ...ask, mode: 'hard' }, () => {
      sentAt = nodeClock.now()
    })
    const answeredAt = nodeClock.now()
    const [receivedAt = Number.NaN] = await fleet.received([id])
    await pause(10)
    toAgent.push(receivedAt - sentAt)
    toAnswer.push(answeredAt - sentAt)
  }
  return [
    { what: `${what}: → order at the agent`, samples: toAgent.slice(warmUp), unit: 'ms' },
    { what: `${what}: → 202`, samples: toAnswer.slice(warmUp), unit: 'ms' },
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
