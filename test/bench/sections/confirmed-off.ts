// From the request to "confirmed off" at whoever asked: one power off by the BMC that is read back, and a cut of
// both feeds that is read back and followed by the silence of the BMC.
import { CUT_SILENCE_MS } from '../../../core/ladder/ladder.ts'
import { nodeClock } from '../../../runtime/node.ts'
import { FARM_ACCOUNT, FARM_COMMUNITY, Farm } from '../farm.ts'
import { fenceIpdu, fenceIpmilan, ipmitool, runToEnd } from '../incumbents.ts'
import { Installation } from '../installation.ts'
import { pause } from '../instants.ts'
import type { BenchOptions } from '../options.ts'
import { SIM_ACCOUNT, type Sim, startSims, stopSims } from '../sims.ts'
import type { Row, Section } from '../table.ts'

const SIMS = 8
/** The watch has read the server on again in its session, without which an "off" would prove nothing. */
const READ_AGAIN_MS = 1500

export async function confirmedOff(options: BenchOptions): Promise<Section> {
  return {
    title: 'Confirmed off: request sent → the asker knows that the server is off',
    rows: [...(await byBmc(options)), ...(await byFeeds(options))],
    notes: [
      "By the BMC on ipmi_sim; by two feeds on the lab's PDUs and servers, in another process, for all rows.",
      'holdUpMs is 0, the hold-up of the supplies is 0; fence_ipdu is run once per feed, one after the other,',
      'as a fencing level does, and proves no more than the outlets.',
    ],
  }
}

async function byBmc({ quick, profile }: BenchOptions): Promise<Row[]> {
  const sims = await startSims(SIMS)
  try {
    const fence = await fenceRows(sims, quick ? 2 : 6)
    const site = { servers: sims, account: SIM_ACCOUNT, hardMethod: 'off-on' as const }
    const installation = await Installation.open({ site, profile })
    try {
      const samples: number[] = []
      const runs = quick ? 8 : 24
      for (let run = 0; run < SIMS + runs; run++) {
        if (run > 0 && run % SIMS === 0) await pause(READ_AGAIN_MS)
        const sim = sims[run % SIMS]
        if (!sim) throw new Error('there is no simulator')
        const sample = await timeOff(installation, sim.name, 'hard')
        if (run >= SIMS) samples.push(sample)
      }
      return [
        ...fence,
        {
          what: 'Palisade: POST … GET ?wait → POFF',
          samples,
          unit: 'ms',
          beside: 'fence_ipmilan -o off',
          note: 'power read off; comes back on by itself',
        },
      ]
    } finally {
      await installation.close()
    }
  } finally {
    await stopSims(sims)
  }
}

async function fenceRows(sims: readonly Sim[], runs: number): Promise<Row[]> {
  const plain: number[] = []
  const eager: number[] = []
  for (let run = 0; run < runs; run++) {
    for (const [samples, options] of [
      [plain, []],
      [eager, ['--power-wait=0']],
    ] as const) {
      const sim = sims[run % sims.length]
      if (!sim) throw new Error('there is no simulator')
      const from = nodeClock.now()
      await runToEnd(fenceIpmilan(sim, '-o', 'off', ...options))
      samples.push(nodeClock.now() - from)
      await runToEnd(ipmitool(sim, 'power', 'on'))
    }
  }
  return [
    { what: 'fence_ipmilan -o off', samples: plain, unit: 'ms' },
    { what: 'fence_ipmilan -o off --power-wait=0', samples: eager, unit: 'ms' },
  ]
}

async function byFeeds({ quick, profile }: BenchOptions): Promise<Row[]> {
  const runs = quick ? 4 : 20
  const farm = await Farm.open({ servers: 2 * runs, feeds: true })
  try {
    const fence: number[] = []
    for (let run = 0; run < runs; run++) {
      const feeds = farm.feedsOf(runs + run)
      const from = nodeClock.now()
      for (const { pdu, outlet } of feeds) {
        const place = farm.pdus.find(({ name }) => name === pdu)
        if (!place) throw new Error(`there is no PDU ${pdu}`)
        await runToEnd(fenceIpdu(place, { outlet, community: FARM_COMMUNITY, action: 'off' }))
      }
      fence.push(nodeClock.now() - from)
    }
    const samples = await cutFeeds(farm, runs, profile)
    const both = 'fence_ipdu -o off, both feeds'
    return [
      { what: both, samples: fence, unit: 'ms' },
      { what: 'Palisade: both feeds, POST … GET ?wait → POFF', samples, unit: 'ms', beside: both },
      {
        what: `the same less the ${CUT_SILENCE_MS} ms of BMC silence`,
        samples: samples.map((ms) => ms - CUT_SILENCE_MS),
        unit: 'ms',
        beside: both,
      },
    ]
  } finally {
    await farm.close()
  }
}

/** Each server once: its feeds stay off. */
async function cutFeeds(farm: Farm, runs: number, profile: string | undefined): Promise<number[]> {
  const site = {
    servers: farm.servers.slice(0, runs),
    account: FARM_ACCOUNT,
    pdus: farm.pdus,
    community: FARM_COMMUNITY,
    feedsOf: (index: number) => farm.feedsOf(index),
  }
  const installation = await Installation.open({ site, profile })
  try {
    const samples: number[] = []
    for (const { name } of site.servers) {
      samples.push(await timeOff(installation, name, 'pdu'))
      await pause(50)
    }
    return samples
  } finally {
    await installation.close()
  }
}

async function timeOff(installation: Installation, server: string, mode: string): Promise<number> {
  let sentAt = 0
  const id = await installation.reset(server, mode, () => {
    sentAt = nodeClock.now()
  })
  const { body } = await installation.ask('GET', `/v1/resets/${id}?wait=30`)
  const knownAt = nodeClock.now()
  if (body.result !== 'POFF' || body.grade !== 'confirmed') {
    throw new Error(`${server} was not confirmed off: ${JSON.stringify(body)}`)
  }
  return knownAt - sentAt
}
