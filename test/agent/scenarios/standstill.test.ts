// The agent's process stands still for seconds (a paused machine, a stopped process) while devices go on: what
// came meanwhile is read before anybody is called silent, and nothing leaves late (spec architecture.md, "Never").
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { nodeClock } from '../../../runtime/node.ts'
import { ADMIN, type IpmiSim, ipmiSimInstalled, startIpmiSim } from '../../peers/ipmi-sim.ts'
import { SiteOnLab } from '../site-on-lab.ts'

/** Stops this very process, agent and all, while `meanwhile` runs in another; resolves when it goes on. */
async function stopped(seconds: number, meanwhile = ''): Promise<void> {
  const { pid } = process
  const script = `sleep 0.1; kill -STOP ${pid}; sleep 1; ${meanwhile} sleep ${seconds - 1}; kill -CONT ${pid}`
  await once(spawn('sh', ['-c', script], { stdio: 'ignore' }), 'exit')
}

/** A stop notice as the stock sender would send it, from another process. */
function noticeFrom(address: string, port: number): string {
  const send = `const s = require('node:dgram').createSocket('udp4');
    s.bind(0, '${address}', () => s.send(Buffer.from('402a301b01000000', 'hex'), ${port}, '127.0.0.1', () => s.close()))`
  return `'${process.execPath}' -e "${send.replaceAll('\n', ' ')}";`
}

/** The process is busy with something else, in the middle of a turn. */
function spin(ms: number): void {
  for (const until = nodeClock.now() + ms; nodeClock.now() < until; );
}

/** One server of the lab whose BMC is a process of its own, so that it goes on. */
async function withServer(
  feeds: 0 | 2,
  play: (lab: SiteOnLab, sim: IpmiSim) => Promise<void>,
): Promise<void> {
  const sim = await startIpmiSim({ kind: 'modules' })
  const lab = await SiteOnLab.open([{ name: 'A', feeds }])
  try {
    const { username, password } = ADMIN
    const { address, port } = sim
    const bmc = { protocol: 'ipmi', address, port, username, password: { secret: password } }
    await lab.apply(({ spec }) => {
      spec.servers[0].bmc = bmc
    })
    await lab.until('the BMC is read', 10_000, () => {
      return sim.events().filter(({ name }) => name === 'status').length > 1
    })
    await play(lab, sim)
  } finally {
    await lab.close()
    await sim.remove()
  }
}

async function ended(lab: SiteOnLab, order: string) {
  await lab.until('it has ended', 40_000, async () => (await lab.view(order)).endedAt !== null)
  return lab.view(order)
}

test.skipIf(!ipmiSimInstalled)(
  'an answer that came while the agent stood still over its deadline completes the reset',
  () =>
    withServer(2, async (lab, sim) => {
      sim.setFaults({ delay_ms: 900 })
      const order = await lab.order({ server: 'A', mode: 'hard' })
      await stopped(6)
      expect(await ended(lab, order)).toMatchObject({ result: 'REBOOT', fenced: true })
      expect(sim.actions()).toEqual(['reset'])
    }),
)

test.skipIf(!ipmiSimInstalled)(
  'a stop notice that came while the agent stood still spares the dump',
  () =>
    withServer(0, async (lab, sim) => {
      const order = await lab.order({ server: 'A' })
      await lab.until('the interrupt was executed', 3000, () => sim.actions().length > 0)
      const { systemAddress = '' } = lab.room.getServer('A')
      await stopped(5, noticeFrom(systemAddress, lab.noticePort))
      expect(await ended(lab, order)).toMatchObject({ result: 'DUMP', fenced: true })
      expect(sim.actions()).toEqual(['diag'])
    }),
)

test('a stop notice that may have lain unread since long before the request is no answer to it', async () => {
  const lab = await SiteOnLab.open([{ name: 'A', feeds: 0, kdump: { enabled: false } }])
  try {
    const order = await lab.order({ server: 'A' })
    const { systemAddress: address = '' } = lab.room.getServer('A')
    const at = nodeClock.now() - 31_000
    lab.agent.takeNotice({ address, port: 7410, at, wall: nodeClock.wall() })
    expect(await ended(lab, order)).toMatchObject({ result: 'REBOOT', fenced: true })
  } finally {
    await lab.close()
  }
})

test.skipIf(!ipmiSimInstalled)(
  'a standstill between the intent and the effect sends nothing late and nothing twice',
  () =>
    withServer(0, async (lab, sim) => {
      const token = await lab.sign(lab.plan({ server: 'A', mode: 'hard' }))
      const handing = lab.hand(token)
      for (let turns = 0; turns < 5; turns++) {
        spin(300)
        await new Promise(setImmediate)
      }
      await handing
      await lab.until('the reset was executed', 15_000, () => sim.actions().length > 0)
      const records = await lab.records()
      const order = records.findLast((record) => record.kind === 'accepted')?.order ?? ''
      const view = await ended(lab, order)
      expect(sim.actions().filter((action) => action === 'reset').length).toBeLessThanOrEqual(1)
      expect(view.fenced).toBe(true)
    }),
)
