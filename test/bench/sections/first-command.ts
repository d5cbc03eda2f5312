// From the request to the first chassis command that the BMC executes: beside the incumbents, on the same
// ipmi_sims, in turn, so that whatever else the machine does hits all of them alike.
import { spawnSync } from 'node:child_process'
import { nodeClock } from '../../../runtime/node.ts'
import { AgentStand } from '../agent-stand.ts'
import {
  type Command,
  fenceIpmilan,
  ipmipower,
  ipmitool,
  ResidentShell,
  runToEnd,
} from '../incumbents.ts'
import { Installation } from '../installation.ts'
import { alignEpochClock, pause } from '../instants.ts'
import type { BenchOptions } from '../options.ts'
import { executedAt, SIM_ACCOUNT, type Sim, startSims, stopSims } from '../sims.ts'
import type { Row, Section } from '../table.ts'

const SIMS = 16
/** A server is used again only when its reset has long ended. */
const APART_MS = 20

export async function firstCommand(options: BenchOptions): Promise<Section> {
  const sims = await startSims(SIMS)
  try {
    const rows = [
      ...(await incumbentRows(sims, options)),
      ...(await palisadeRows(sims, options)),
      await agentRow(sims, options),
    ]
    return {
      title: 'First command: request sent → chassis command executed at the BMC (ipmi_sim)',
      rows,
      notes: [
        "The simulator stamps the execution with CLOCK_REALTIME; Node's clock is aligned to it at the edge of",
        'a millisecond before each run (a few µs). Requests come on a new connection; the commits of Postgres',
        "and the journal's records are on disk before the command leaves.",
      ],
    }
  } finally {
    await stopSims(sims)
  }
}

async function palisadeRows(
  sims: readonly Sim[],
  { quick, profile }: BenchOptions,
): Promise<Row[]> {
  const site = { servers: sims, account: SIM_ACCOUNT }
  const installation = await Installation.open({ site, profile })
  try {
    const samples: number[] = []
    const answers: number[] = []
    const warmUp = 2 * SIMS
    const runs = quick ? 40 : 200
    for (let run = 0; run < warmUp + runs; run++) {
      const { sim, name } = at(sims, run)
      const clock = alignEpochClock()
      let sentAt = 0
      const id = await installation.reset(name, 'hard', () => {
        sentAt = clock()
      })
      const answeredAt = clock()
      const executed = await executedAt(sim, ['reset'], sentAt)
      await installation.ended(id)
      await pause(APART_MS)
      if (run < warmUp) continue
      samples.push(executed - sentAt)
      answers.push(answeredAt - sentAt)
    }
    return [
      {
        what: 'Palisade: POST /v1/resets → reset',
        samples,
        unit: 'ms',
        goal: { p50: 5, p99: 25 },
        beside: 'fence_ipmilan -m onoff → off',
        timesGoal: 15,
        note: 'Node + Postgres 15',
      },
      { what: 'Palisade: POST /v1/resets → 202', samples: answers, unit: 'ms' },
    ]
  } finally {
    await installation.close()
  }
}

/** Order received by the agent → executed, in one process with a journal that syncs. */
async function agentRow(sims: readonly Sim[], { quick }: BenchOptions): Promise<Row> {
  const stand = await AgentStand.open({ servers: sims, account: SIM_ACCOUNT })
  try {
    const samples: number[] = []
    const warmUp = 2 * SIMS
    const runs = quick ? 50 : 300
    for (let run = 0; run < warmUp + runs; run++) {
      const { sim, name } = at(sims, run)
      const order = await stand.order(name, 'hard')
      const clock = alignEpochClock()
      const handedAt = clock()
      await stand.hand(order)
      const executed = await executedAt(sim, ['reset'], handedAt)
      await stand.ended([order])
      await pause(APART_MS)
      if (run >= warmUp) samples.push(executed - handedAt)
    }
    return {
      what: 'Palisade agent: order received → reset',
      samples,
      unit: 'ms',
      goal: { p50: 1.5 },
      beside: 'ipmitool shell, resident → reset',
      note: 'fsync and BMC included',
    }
  } finally {
    await stand.close()
  }
}

async function incumbentRows(sims: readonly Sim[], { quick }: BenchOptions): Promise<Row[]> {
  const runs = quick ? 5 : 20
  return [
    await spawnFloor(runs),
    await commandRow('fence_ipmilan -m onoff → off', sims, runs, ['off'], (sim) =>
      fenceIpmilan(sim, '-m', 'onoff', '-o', 'reboot', '--power-wait=0'),
    ),
    await commandRow('fence_ipmilan -m cycle → cycle', sims, runs, ['cycle'], (sim) =>
      fenceIpmilan(sim, '-m', 'cycle', '-o', 'reboot', '--power-wait=0'),
    ),
    await commandRow('ipmitool -C 3, fresh → reset', sims, runs * 2, ['reset'], (sim) =>
      ipmitool(sim, 'power', 'reset'),
    ),
    await commandRow('ipmipower -I 3, fresh → reset', sims, runs * 2, ['reset'], (sim) =>
      ipmipower(sim, '--reset'),
    ),
    await residentRow(at(sims, 0), quick ? 40 : 200),
  ]
}

async function commandRow(
  what: string,
  sims: readonly Sim[],
  runs: number,
  names: readonly string[],
  commandOf: (sim: Sim) => Command,
): Promise<Row> {
  const samples: number[] = []
  for (let run = 0; run < runs; run++) {
    const sim = at(sims, run)
    const command = commandOf(sim)
    const clock = alignEpochClock()
    const startedAt = clock()
    await runToEnd(command)
    samples.push((await executedAt(sim.sim, names, startedAt)) - startedAt)
    await pause(APART_MS)
  }
  return { what, samples, unit: 'ms' }
}

async function residentRow(sim: Sim, runs: number): Promise<Row> {
  const shell = await ResidentShell.open(sim)
  const samples: number[] = []
  for (let run = 0; run < runs; run++) {
    await pause(APART_MS)
    const clock = alignEpochClock()
    const saidAt = clock()
    shell.say('chassis power reset')
    samples.push((await executedAt(sim.sim, ['reset'], saidAt)) - saidAt)
  }
  await shell.close()
  return {
    what: 'ipmitool shell, resident → reset',
    samples,
    unit: 'ms',
    note: 'the limit: no disk',
  }
}

async function spawnFloor(runs: number): Promise<Row> {
  const samples = Array.from({ length: runs }, () => {
    const from = nodeClock.now()
    spawnSync('/bin/true')
    return nodeClock.now() - from
  })
  return { what: 'spawn of /bin/true', samples, unit: 'ms', note: 'in every fresh process above' }
}

function at(sims: readonly Sim[], run: number): Sim {
  const sim = sims[run % sims.length]
  if (!sim) throw new Error('there is no simulator')
  return sim
}
