// Many servers reset at once: until the last of their soft requests is executed.
import { nodeClock } from '../../../runtime/node.ts'
import { AgentStand, type SignedOrder } from '../agent-stand.ts'
import { FARM_ACCOUNT, Farm } from '../farm.ts'
import { Installation } from '../installation.ts'
import type { BenchOptions } from '../options.ts'
import type { Row, Section } from '../table.ts'

const SERVERS = 256

export async function burst(options: BenchOptions): Promise<Section> {
  const farm = await Farm.open({ servers: SERVERS, feeds: false })
  try {
    return {
      title: `Burst: ${SERVERS} servers reset at once → every soft request executed at its BMC`,
      rows: [...(await byAgent(farm, options)), ...(await byRest(farm, options))],
      notes: [
        'One run is one burst; the figure is its last NMI. The lab BMCs answer from one other process, whose',
        'decryption is part of it. By REST: 256 requests at once, each on its own connection.',
      ],
    }
  } finally {
    await farm.close()
  }
}

async function byAgent(farm: Farm, { quick }: BenchOptions): Promise<Row[]> {
  const site = { servers: farm.servers, account: FARM_ACCOUNT, hardResetAfterMs: 1000 }
  const stand = await AgentStand.open(site)
  try {
    const first: number[] = []
    const last: number[] = []
    for (let run = 0; run < (quick ? 2 : 6); run++) {
      const orders: SignedOrder[] = []
      for (const { name } of farm.servers) orders.push(await stand.order(name, 'ladder'))
      const from = nodeClock.now()
      await Promise.all(orders.map((order) => stand.hand(order)))
      await stand.ended(orders)
      const took = await sinceOf(farm, from)
      first.push(Math.min(...took))
      last.push(Math.max(...took))
    }
    return [
      { what: 'orders handed to the agent → first', samples: first, unit: 'ms' },
      { what: 'orders handed to the agent → last', samples: last, unit: 'ms', goal: { p50: 250 } },
    ]
  } finally {
    await stand.close()
  }
}

async function byRest(farm: Farm, { quick, profile }: BenchOptions): Promise<Row[]> {
  const site = { servers: farm.servers, account: FARM_ACCOUNT, hardResetAfterMs: 1000 }
  const installation = await Installation.open({ site, profile })
  try {
    const [accepted, first, last]: [number[], number[], number[]] = [[], [], []]
    for (let run = 0; run < (quick ? 1 : 4); run++) {
      const from = nodeClock.now()
      const asked = farm.servers.map(({ name }) => installation.reset(name, 'ladder'))
      const ids = await Promise.all(asked)
      accepted.push(nodeClock.now() - from)
      for (const id of ids) await installation.ended(id)
      const took = await sinceOf(farm, from)
      first.push(Math.min(...took))
      last.push(Math.max(...took))
    }
    return [
      { what: 'REST requests sent → first', samples: first, unit: 'ms' },
      { what: 'REST requests sent → last', samples: last, unit: 'ms', goal: { p50: 250 } },
      { what: 'REST requests sent → last 202', samples: accepted, unit: 'ms' },
    ]
  } finally {
    await installation.close()
  }
}

/** Of each soft request since then, how long after it. */
async function sinceOf(farm: Farm, from: number): Promise<number[]> {
  const soft = (await farm.controls()).filter(({ action, at }) => action === 'nmi' && at >= from)
  if (soft.length !== SERVERS) throw new Error(`${soft.length} of ${SERVERS} got a soft request`)
  return soft.map(({ at }) => at - from)
}
