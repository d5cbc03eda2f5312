// Reads over REST, beside a bare server on the same runtime and database, in turns of the same run.
import { isDeepStrictEqual } from 'node:util'
import type { Row, Section } from '../table.ts'
import { type Read, readInLoops } from './load.ts'
import type { FleetOptions } from './options.ts'
import { siteName } from './site-document.ts'
import { type Bare, processorMs, type Target } from './target.ts'

/** Readers go round these many sites. */
const SITES = 16
const READERS = [1, 8]
const WARM_UP_MS = 2000

export async function reads(target: Target, { sites, quick }: FleetOptions): Promise<Section> {
  const bare = await target.startBare()
  try {
    const names = Array.from({ length: Math.min(SITES, sites) }, (_, index) => siteName(index))
    const rows: Row[] = []
    for (const [what, pathOf] of Object.entries(READS)) {
      const paths = names.map(pathOf)
      const servers = { ours: target, bare }
      const bytes = await compare(servers, target.adminToken, paths)
      for (const readers of READERS) {
        const found = await inTurns(servers, { token: target.adminToken, paths, readers }, quick)
        rows.push(...rowsOf(`${what}, c=${readers}`, found, bytes))
      }
    }
    return {
      title: `Reads over REST, ${target.name}; each reader keeps its connection`,
      rows,
      notes: [
        'Turns of ours and of the bare server alternate; both gave the same JSON but for instants. The bare',
        'server: Hono and postgres.js with the same statements (test/bench/fleet/bare-app.ts).',
      ],
    }
  } finally {
    await bare.stop()
  }
}

const READS: Record<string, (site: string) => string> = {
  status: (site) => `/v1/sites/${site}/status`,
  audit: (site) => `/v1/audit?site=${site}`,
}

type Servers = Record<'ours' | 'bare', Pick<Bare, 'url' | 'pids'>>

interface Turn extends Read {
  /** Processor time of the server for each answer, in ms. */
  processor: number
}

/** Throws when the two do not answer the same. Returns the bytes of an answer. */
async function compare(servers: Servers, token: string, paths: readonly string[]): Promise<number> {
  const [path = ''] = paths
  const ask = async (url: string) => {
    const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } })
    const text = await answer.text()
    const instants = /"20\d\d-[^"]*Z"/g
    return text
      .trimEnd()
      .replace(instants, '"AT"')
      .split('\n')
      .map((line) => JSON.parse(line))
  }
  const [ours, bare] = [await ask(servers.ours.url), await ask(servers.bare.url)]
  if (!isDeepStrictEqual(ours, bare)) {
    throw new Error(`${path}: the bare server answers otherwise; bring bare-app.ts up to date`)
  }
  return JSON.stringify(ours).length
}

/** Slices of both in turn, so that whatever else the machine does hits both alike. */
async function inTurns(
  servers: Servers,
  reading: { token: string; paths: readonly string[]; readers: number },
  quick: boolean,
): Promise<Record<'ours' | 'bare', Turn[]>> {
  const [turns, forMs] = quick ? [2, 500] : [8, 2000]
  const found: Record<'ours' | 'bare', Turn[]> = { ours: [], bare: [] }
  for (const { url } of Object.values(servers))
    await readInLoops({ ...reading, url, forMs: WARM_UP_MS })
  for (let turn = 0; turn < turns; turn++) {
    for (const who of ['ours', 'bare'] as const) {
      const server = servers[who]
      const before = processorMs(server)
      const read = await readInLoops({ ...reading, url: server.url, forMs })
      const processor = (processorMs(server) - before) / read.latencies.length
      found[who].push({ ...read, processor })
    }
  }
  return found
}

function rowsOf(what: string, found: Record<'ours' | 'bare', Turn[]>, bytes: number): Row[] {
  const rate = (who: 'ours' | 'bare') => found[who].map((read) => read.rate)
  const latency = (who: 'ours' | 'bare') => found[who].flatMap(({ latencies }) => latencies)
  const processor = (who: 'ours' | 'bare') => found[who].map((turn) => turn.processor)
  const bare = `${what}, bare`
  const note = `${(bytes / 1000).toFixed(1)} kB`
  return [
    { what, samples: rate('ours'), unit: '/s', partOf: bare, partGoal: 0.8, note },
    { what: bare, samples: rate('bare'), unit: '/s' },
    { what: `${what}, latency`, samples: latency('ours'), unit: 'ms' },
    { what: `${bare}, latency`, samples: latency('bare'), unit: 'ms' },
    { what: `${what}, processor per answer`, samples: processor('ours'), unit: 'ms' },
    { what: `${bare}, processor per answer`, samples: processor('bare'), unit: 'ms' },
  ]
}
