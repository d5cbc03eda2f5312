// A quiet site of a thousand servers: what watching every BMC once a second costs the agent, and what it
// writes to the database.
import postgres from 'postgres'
import { nodeClock } from '../../../runtime/node.ts'
import { FARM_ACCOUNT, Farm } from '../farm.ts'
import { Installation } from '../installation.ts'
import { pause } from '../instants.ts'
import { cpuMs, residentMb } from '../machine.ts'
import type { BenchOptions } from '../options.ts'
import type { Section } from '../table.ts'

const SERVERS = 1000
/** After the first readings: compilers, collectors and reports come to rest. */
const SETTLE_MS = 10_000
const SLICE_MS = 5000
/** What the start writes comes to its end within this time; what goes on for longer is counted. */
const START_WRITES_MS = 60_000
const NO_WRITES_FOR_MS = 5000

export async function watching({ quick, profile }: BenchOptions): Promise<Section> {
  const farm = await Farm.open({ servers: SERVERS, feeds: false })
  try {
    const site = { servers: farm.servers, account: FARM_ACCOUNT }
    const installation = await Installation.open({ site, profile })
    try {
      await pause(quick ? SETTLE_MS / 4 : SETTLE_MS)
      return await observe(farm, installation, quick ? 2 : 12)
    } finally {
      await installation.close()
    }
  } finally {
    await farm.close()
  }
}

async function observe(farm: Farm, installation: Installation, slices: number): Promise<Section> {
  const cores: number[] = []
  const memory: number[] = []
  const asked: number[] = []
  const writesBefore = await countStartWrites(installation.databaseUrl)
  const startedAt = nodeClock.now()
  for (let slice = 0; slice < slices; slice++) {
    const [cpu, datagrams] = [cpuMs(installation.agentPid), await farm.datagrams()]
    const from = nodeClock.now()
    await pause(SLICE_MS)
    const tookMs = nodeClock.now() - from
    cores.push(((cpuMs(installation.agentPid) - cpu) / tookMs) * 100)
    asked.push((((await farm.datagrams()) - datagrams) / tookMs) * 1000)
    memory.push(residentMb(installation.agentPid))
  }
  const minutes = (nodeClock.now() - startedAt) / 60_000
  const writes = (await countWrites(installation.databaseUrl)) - writesBefore
  return {
    title: `Watching: ${SERVERS} BMCs read once a second, nothing happens`,
    rows: [
      { what: 'datagrams to the BMCs', samples: asked, unit: '/s' },
      { what: 'agent, share of one core', samples: cores, unit: '%', goal: { p50: 25 } },
      { what: 'agent, resident memory', samples: memory, unit: 'MB', goal: { max: 250 } },
      {
        what: 'rows written to the database',
        samples: [writes / minutes],
        unit: 'writes/min',
        goal: { max: 2 },
        note: `${writes} in ${(minutes * 60).toFixed(0)} s`,
      },
    ],
    notes: [
      `Each run is ${SLICE_MS / 1000} s of the agent's own process; the BMCs are simulated in another.`,
      'Writes are the inserts, updates and deletes that pg_stat_user_tables counts.',
    ],
  }
}

/** The writes until there are none for a while: the last readings of a thousand servers come late. */
async function countStartWrites(databaseUrl: string): Promise<number> {
  const endsAt = nodeClock.now() + START_WRITES_MS
  for (let before = await countWrites(databaseUrl); ; ) {
    await pause(NO_WRITES_FOR_MS)
    const writes = await countWrites(databaseUrl)
    if (writes === before || nodeClock.now() > endsAt) return writes
    before = writes
  }
}

async function countWrites(databaseUrl: string): Promise<number> {
  const sql = postgres(databaseUrl, { max: 1, fetch_types: false })
  try {
    // Sessions report their counts at their next rest, after a second at the latest.
    await pause(1500)
    const [row] = await sql`
      select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::int as writes
      from pg_stat_user_tables`
    const writes = Number(row?.['writes'])
    if (!(writes > 0)) throw new Error('the database counts no writes, not even those of its start')
    return writes
  } finally {
    await sql.end()
  }
}
