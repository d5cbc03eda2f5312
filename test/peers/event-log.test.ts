// Reading event logs that are not ours: OpenIPMI's simulator holds the log, ipmitool writes into it.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { createIpmiPowerController } from '../../agent/drivers/ipmi/power-controller.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { ADMIN, type IpmiSim, ipmiSimInstalled, startIpmiSim } from './ipmi-sim.ts'

const run = promisify(execFile)
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function ipmitool({ port }: IpmiSim, ...words: string[]): Promise<void> {
  const { username, password } = ADMIN
  const place = ['-I', 'lanplus', '-C', '3', '-H', '127.0.0.1', '-p', String(port)]
  await run('ipmitool', [...place, '-U', username, '-P', password, ...words])
}

/** Add SEL Entry; state `0x03` is a lost input. */
function addEvent(sim: IpmiSim, { type = '0x08', sensor = '0x51', kind = '0x6f' } = {}) {
  const record = ['0', '0', '0x02', '0', '0', '0', '0', '0x20', '0', '0x04']
  return ipmitool(sim, 'raw', '0x0a', '0x44', ...record, type, sensor, kind, '0x03', '0xff', '0xff')
}

async function logged() {
  const sim = await startIpmiSim({ kind: 'stock' })
  closing.push(() => sim.remove())
  const controller = createIpmiPowerController({
    name: 'server1',
    address: '127.0.0.1',
    port: sim.port,
    ...ADMIN,
    clock: nodeClock,
    random: nodeRandom,
    events: { linkChanged: () => {}, heard: () => {} },
  })
  closing.push(() => controller.close())
  controller.start()
  expect(await controller.ready(5000)).toBe(true)
  const read = async (...from: Parameters<typeof controller.events>) => {
    const { read: told, detail } = await controller.events(...from)
    if (!told) throw new Error(detail)
    return told
  }
  return { sim, read }
}

const installed = ipmiSimInstalled && existsSync('/usr/bin/ipmitool')

describe.skipIf(!installed)('the event log of ipmi_sim', () => {
  test('is told from where it was last read, power supplies only, with the clock of the BMC', async () => {
    const { sim, read } = await logged()
    const empty = await read('all', 5000)
    expect(empty.events).toEqual([])
    await addEvent(sim)
    await addEvent(sim, { type: '0x01' })
    const first = await read({ after: empty.end }, 5000)
    expect(first.events).toMatchObject([{ sensor: 0x51, what: 'input lost', bad: true }])
    expect(first.end).toBeGreaterThan(first.events[0]?.record ?? 0)
    await addEvent(sim, { kind: '0xef' })
    const second = await read({ after: first.end }, 5000)
    expect(second.events).toMatchObject([{ sensor: 0x51, what: 'input lost', bad: false }])
    expect((await read({ after: second.end }, 5000)).events).toEqual([])
    expect((await read('all', 5000)).events).toHaveLength(2)
    expect(await read('end', 5000)).toMatchObject({ events: [], end: second.end })
    const { clock } = second
    const loggedAt = second.events[0]?.atS ?? 0
    expect(Math.abs((clock?.bmcS ?? 0) - loggedAt)).toBeLessThan(5)
  })

  test('that was cleared meanwhile is read from its beginning', async () => {
    const { sim, read } = await logged()
    for (let count = 0; count < 3; count++) await addEvent(sim)
    const { end } = await read('all', 5000)
    await ipmitool(sim, 'sel', 'clear')
    await addEvent(sim, { sensor: '0x52' })
    const { events } = await read({ after: end }, 5000)
    expect(events.map(({ sensor }) => sensor)).toContain(0x52)
  })

  test('of many entries is read to its end, and too little time says nothing at all', async () => {
    const { sim, read } = await logged()
    const { username, password } = ADMIN
    const place = ['-I', 'lanplus', '-C', '3', '-H', '127.0.0.1', '-p', String(sim.port)]
    const bytes = '0 0 2 0 0 0 0 0x20 0 4 8 0x51 0x6f 3 0xff 0xff'
    const lines = Array.from({ length: 300 }, () => `raw 0x0a 0x44 ${bytes}`).join('\n')
    const shell = run('ipmitool', [...place, '-U', username, '-P', password, 'shell'])
    shell.child.stdin?.end(`${lines}\nexit\n`)
    await shell
    expect((await read('all', 20_000)).events).toHaveLength(300)
    await expect(read('all', 1)).rejects.toThrow('no answer in time')
  })
})
