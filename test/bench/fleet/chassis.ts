// The same control plane with a real agent and OpenIPMI's `ipmi_sim` behind it: the whole way to the command
// that a BMC executes.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BenchApi } from '../api.ts'
import { alignEpochClock, pause } from '../instants.ts'
import { executedAt, SIM_ACCOUNT, type Sim, startSims, stopSims } from '../sims.ts'
import { SITE } from '../site-file.ts'
import { allRead, applySite, OwnProcesses, startAgent } from '../site-processes.ts'
import type { Row } from '../table.ts'
import type { FleetOptions } from './options.ts'
import type { Target } from './target.ts'

const SIMS = 8
/** A server is used again only when its reset has long ended. */
const APART_MS = 20

export async function chassisRows(target: Target, { quick }: FleetOptions): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'palisade-fleet-'))
  const processes = new OwnProcesses(directory, undefined)
  const sims = await startSims(SIMS)
  try {
    const api = new BenchApi(target)
    await startAgent(api, processes, directory)
    await applySite(api, processes, { directory, site: { servers: sims, account: SIM_ACCOUNT } })
    await allRead(api)
    const samples = await resets(api, sims, quick ? 20 : 200)
    return [
      {
        what: 'hub awake: → chassis command executed',
        samples,
        unit: 'ms',
        goal: { p50: 15, p99: 60 },
        note: 'a real agent and ipmi_sim',
      },
    ]
  } finally {
    await processes.close()
    await stopSims(sims)
    rmSync(directory, { recursive: true, force: true })
  }
}

async function resets(api: BenchApi, sims: readonly Sim[], runs: number): Promise<number[]> {
  const samples: number[] = []
  const warmUp = 2 * SIMS
  for (let run = 0; run < warmUp + runs; run++) {
    const sim = sims[run % SIMS]
    if (!sim) throw new Error('there is no simulator')
    const clock = alignEpochClock()
    let sentAt = 0
    const id = await api.reset({ site: SITE, server: sim.name, mode: 'hard' }, () => {
      sentAt = clock()
    })
    const executed = await executedAt(sim.sim, ['reset'], sentAt)
    await api.ended(id)
    await pause(APART_MS)
    if (run >= warmUp) samples.push(executed - sentAt)
  }
  return samples
}
