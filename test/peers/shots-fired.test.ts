// How often one order to reset reaches the chassis when the network or the BMC misbehaves: ours beside
// ipmitool and ipmipower, counted at the simulator and printed as one table (spec protocols.md §1.6).
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Answer } from '../../agent/drivers/driver.ts'
import { createIpmiPowerController } from '../../agent/drivers/ipmi/power-controller.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { ADMIN, type IpmiSim, ipmiSimInstalled, startIpmiSim } from './ipmi-sim.ts'
import { run } from './run.ts'
import { openUdpRelay, type Passing, type UdpRelay } from './udp-relay.ts'

const TOOL_MAX_MS = 30_000
/** As long as the ladder waits for the answer to a hard reset when it has no PDU. */
const ANSWER_MAX_MS = 10_000
const STOPPED_MS = 3000
/** Longer than anything that is repeated, or given up as silent, takes. */
const HELD_MS = 4000

/** One client's own BMC, behind a relay of its own. */
interface Bench {
  sim: IpmiSim
  relay: UdpRelay
  /** Which request of this direction carries Chassis Control, and which reply answers it. */
  control: { request: number; reply: number } | undefined
  /** What became of that reply in the relay; undefined while the BMC has not sent it. */
  controlReply: 'passed' | 'dropped' | undefined
}

interface Shots {
  count: number
  /** What the client told its caller. */
  said: string
  tookMs: number
}

type Fate = (passing: Passing, bench: Bench) => 'pass' | 'drop'

interface Situation {
  name: string
  delayMs?: number
  fate?: Fate
}

const isControlReply = ({ direction, ordinal }: Passing, { control }: Bench) =>
  direction === 'reply' && ordinal === control?.reply

/** From Chassis Control on: what is lost earlier, during the login, costs time and fires nothing. */
const everySecondReply =
  (lost: 0 | 1): Fate =>
  ({ direction, ordinal }, { control }) => {
    const sinceControl = control ? ordinal - control.reply : -1
    return direction === 'reply' && sinceControl >= 0 && sinceControl % 2 === lost ? 'drop' : 'pass'
  }

const SITUATIONS: Situation[] = [
  { name: 'nothing is wrong' },
  {
    name: 'reply lost once',
    fate: (passing, bench) => (isControlReply(passing, bench) ? 'drop' : 'pass'),
  },
  { name: 'every second reply lost, its own first', fate: everySecondReply(0) },
  { name: 'every second reply lost, its own not', fate: everySecondReply(1) },
  { name: 'BMC answers after 0.7 s', delayMs: 700 },
  { name: 'BMC answers after 1.5 s', delayMs: 1500 },
  {
    name: 'BMC stands still for 3 s',
    fate: ({ direction, ordinal }, { sim, control }) => {
      if (direction === 'request' && ordinal === control?.request) {
        sim.pause()
        setTimeout(() => sim.resume(), STOPPED_MS)
      }
      return 'pass'
    },
  },
  {
    name: 'reply to Close Session lost',
    fate: ({ direction, ordinal }, { control }) =>
      direction === 'reply' && control && ordinal > control.reply ? 'drop' : 'pass',
  },
]

async function withBench<T>(
  { delayMs, fate = () => 'pass' }: Situation,
  use: (bench: Bench) => Promise<T>,
): Promise<T> {
  const sim = await startIpmiSim({ kind: 'modules' })
  const relay = await openUdpRelay(sim)
  const bench: Bench = { sim, relay, control: undefined, controlReply: undefined }
  relay.rule = (passing) => {
    const fared = fate(passing, bench)
    if (isControlReply(passing, bench)) bench.controlReply = fared === 'pass' ? 'passed' : 'dropped'
    return fared === 'pass' ? [0] : []
  }
  if (delayMs !== undefined) sim.setFaults({ delay_ms: delayMs })
  try {
    return await use(bench)
  } finally {
    relay.close()
    await sim.remove()
  }
}

/** A question that the BMC answers last of all: everything that was sent before has then been executed. */
async function resetsOf({ sim }: Bench): Promise<number> {
  sim.setFaults({})
  const asking = controllerOf(sim.port)
  await asking.probe(ANSWER_MAX_MS)
  await asking.close()
  return sim.actions().filter((action) => action === 'reset').length
}

function controllerOf(port: number) {
  return createIpmiPowerController({
    name: 'server1',
    address: '127.0.0.1',
    port,
    ...ADMIN,
    clock: nodeClock,
    random: nodeRandom,
    events: { linkChanged: () => {}, heard: () => {} },
  })
}

/** Waits until no datagram has passed for a while: what is sent next is answered next. */
async function quiet({ relay }: Bench): Promise<void> {
  for (let seen = -1; ; await sleep(100)) {
    const now = relay.seen('request') + relay.seen('reply')
    if (now === seen) return
    seen = now
  }
}

/** Fires once with a warm session, waits as the ladder would, then closes; every step is held to the truth. */
async function shootOurs(bench: Bench): Promise<Shots> {
  const { relay, sim } = bench
  const controller = controllerOf(relay.port)
  controller.start()
  expect(await controller.ready(ANSWER_MAX_MS)).toBe(true)
  await quiet(bench)
  bench.control = { request: relay.seen('request') + 1, reply: relay.seen('reply') + 1 }
  const answers: Answer[] = []
  const from = nodeClock.now()
  const fired = controller.arm('reset')?.fire(
    () => true,
    (answer) => answers.push(answer),
  )
  expect(fired).toBe(true)
  while (answers.length === 0 && nodeClock.now() - from < ANSWER_MAX_MS) {
    if (bench.controlReply === 'dropped') break
    await sleep(5)
  }
  const [early] = answers
  expect(early?.kind).toBe(bench.controlReply === 'passed' ? 'accepted' : undefined)
  const power = early ? undefined : await controller.read(ANSWER_MAX_MS)
  const tookMs = nodeClock.now() - from
  await sleep(HELD_MS)
  expect(answers.map(({ kind }) => kind)).toEqual(early ? ['accepted'] : [])
  await controller.close()
  expect(answers.map(({ kind }) => kind)).toEqual([early ? 'accepted' : 'lost'])
  const count = await resetsOf(bench)
  expect(sim.actions()).toEqual(['reset'])
  return { count, said: power ? `no answer, power ${power.value}` : 'accepted', tookMs }
}

interface Tool {
  file: string
  args(port: number): string[]
}

const { username, password } = ADMIN
const TOOLS: Record<'ipmitool' | 'ipmipower', Tool> = {
  ipmitool: {
    file: '/usr/bin/ipmitool',
    args: (port) => [
      ...['-I', 'lanplus', '-H', '127.0.0.1', '-p', `${port}`, '-C', '3', '-L', 'ADMINISTRATOR'],
      ...['-U', username, '-P', password, 'power', 'reset'],
    ],
  },
  ipmipower: {
    file: '/usr/sbin/ipmipower',
    args: (port) => [
      ...['-h', `127.0.0.1:${port}`, '-D', 'LAN_2_0', '-I', '3', '-W', 'opensesspriv'],
      ...['-u', username, '-p', password, '--reset'],
    ],
  },
}

async function shootWith({ file, args }: Tool, bench: Bench): Promise<Shots> {
  const from = nodeClock.now()
  const ran = await run(file, args(bench.relay.port), TOOL_MAX_MS).catch(() => undefined)
  const tookMs = nodeClock.now() - from
  return { count: await resetsOf(bench), said: ran ? saidBy(ran) : 'never ended', tookMs }
}

function saidBy({
  code,
  stdout,
  stderr,
}: {
  code: number
  stdout: string
  stderr: string
}): string {
  const [line = ''] = `${stdout}\n${stderr}`.trim().split('\n')
  const told = line.replace(/^127\.0\.0\.1(:\d+)?: /, '').replace('Chassis Power Control: ', '')
  return code === 0 ? told : `${told} (exit ${code})`
}

/** The ordinal of a tool's Chassis Control among its exchanges, seen in a run where nothing is lost. */
async function controlOrdinal(tool: Tool): Promise<number> {
  let ordinal = 0
  const watch: Fate = (passing, { sim }) => {
    if (passing.direction === 'reply' && ordinal === 0 && sim.actions().length > 0) {
      ordinal = passing.ordinal
    }
    return 'pass'
  }
  await withBench({ name: 'calm', fate: watch }, (bench) => shootWith(tool, bench))
  if (ordinal === 0) throw new Error(`${tool.file} reset nothing`)
  return ordinal
}

const present = ipmiSimInstalled && Object.values(TOOLS).every(({ file }) => existsSync(file))
const table = new Map<string, Shots[]>()

const TITLE_WIDTH = 40

function rowOf(name: string, shots: Shots[]): string {
  const cells = shots.map(({ count, said, tookMs }) => {
    const seconds = (tookMs / 1000).toFixed(2)
    return `${`${count}`.padStart(2)}  ${said.slice(0, 26).padEnd(26)} ${seconds.padStart(5)} s`
  })
  return [name.padEnd(TITLE_WIDTH), ...cells].join(' | ')
}

describe.skipIf(!present)('one order to reset', () => {
  const ordinals = { ipmitool: 0, ipmipower: 0 }
  beforeAll(async () => {
    ordinals.ipmitool = await controlOrdinal(TOOLS.ipmitool)
    ordinals.ipmipower = await controlOrdinal(TOOLS.ipmipower)
  })

  const title = 'is one command, and told as accepted only when it was answered, when $name'
  test.concurrent.each(SITUATIONS)(title, async (situation) => {
    const incumbent = (name: keyof typeof TOOLS) =>
      withBench(situation, (bench) => {
        bench.control = { request: ordinals[name], reply: ordinals[name] }
        return shootWith(TOOLS[name], bench)
      })
    const ours = withBench(situation, shootOurs)
    const theirs = [incumbent('ipmitool'), incumbent('ipmipower')]
    // No simulator is left behind by a shot that fails before the others have ended.
    await Promise.allSettled([ours, ...theirs])
    table.set(situation.name, await Promise.all([ours, ...theirs]))
    expect((await ours).count).toBe(1)
  })

  afterAll(() => {
    const heads = ['ours', 'ipmitool', 'ipmipower'].map((head) => head.padEnd(37))
    const rows = SITUATIONS.flatMap(({ name }) => {
      const shots = table.get(name)
      return shots ? [rowOf(name, shots)] : []
    })
    const head = ['resets executed, and what was said'.padEnd(TITLE_WIDTH), ...heads].join(' | ')
    console.log([head, ...rows].join('\n'))
  })
})
