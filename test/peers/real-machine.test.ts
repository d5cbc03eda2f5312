// The driver, the stop-notice listener and a whole agent on a machine that really runs. The oracle is its
// serial console: which kernel booted, when the crash kernel came up, which process is the machine.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Answer, PowerAction, PowerController } from '../../agent/drivers/driver.ts'
import { createIpmiPowerController } from '../../agent/drivers/ipmi/power-controller.ts'
import {
  createStopNoticeListener,
  type StopNotice,
  type StopNoticeListener,
} from '../../agent/drivers/kdump.ts'
import type { ResetView } from '../../protocol/reset-view.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { ADMIN } from './ipmi-sim.ts'
import { buildRealMachine, RealMachine } from './real-machine.ts'
import { SERVER, SiteOnMachine, SYSTEM } from './site-on-machine.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const peer = await buildRealMachine()
if ('missing' in peer) console.error(`[peers] ${peer.missing}; the tests on it are skipped`)

let machine: RealMachine
let listener: StopNoticeListener
let site: SiteOnMachine | undefined
const notices: StopNotice[] = []
const closing: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  if ('missing' in peer) return
  listener = await createStopNoticeListener({
    port: 0,
    clock: nodeClock,
    heard(notice) {
      notices.push(notice)
      site?.takeNotice(notice)
    },
  })
  closing.push(() => listener.close())
  machine = await RealMachine.start({ built: peer.built, noticePort: listener.port })
  closing.push(() => machine.remove())
  await machine.booted(1)
})
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

/** Awaits what ends the running boot: a new kernel must begin and come up. */
async function nextBoot(act: () => Promise<unknown>) {
  const before = { boots: machine.boots().length, kernels: machine.kernels() }
  await act()
  const boot = await machine.booted(before.boots + 1)
  expect(machine.kernels()).toBe(before.kernels + 1)
  return boot
}

const actionsSince = (from: number) =>
  machine
    .acts()
    .slice(from)
    .map(({ action }) => action)

describe.skipIf('missing' in peer)('through the driver', () => {
  let controller: PowerController

  beforeAll(async () => {
    controller = createIpmiPowerController({
      name: SERVER,
      address: '127.0.0.1',
      port: machine.port,
      ...ADMIN,
      clock: nodeClock,
      random: nodeRandom,
      events: { linkChanged: () => {}, heard: () => {} },
    })
    controller.start()
    expect(await controller.ready(5000)).toBe(true)
  })
  afterAll(() => controller?.close())

  async function answerTo(action: PowerAction): Promise<Answer> {
    const answers: Answer[] = []
    controller.arm(action)?.fire(
      () => true,
      (answer) => answers.push(answer),
    )
    await expect.poll(() => answers.length, { timeout: 5000, interval: 2 }).toBe(1)
    return answers[0] ?? { kind: 'lost', detail: '' }
  }

  const power = async () => (await controller.read(2000)).value

  test('an NMI panics the kernel, and its crash kernel is heard from its own address', async () => {
    const { length: before } = notices
    const crashes = machine.crashKernels()
    const boot = await nextBoot(async () => {
      expect((await answerTo('nmi')).kind).toBe('accepted')
      await expect.poll(() => notices.length, { timeout: 30_000 }).toBeGreaterThan(before)
      expect(machine.crashKernels()).toBe(crashes + 1)
    })
    expect(boot.kdump).toBe(true)
    const heard = notices.slice(before)
    expect(new Set(heard.map(({ address }) => address))).toEqual(new Set([machine.address]))
  })

  test('a hard reset boots another kernel in the same powered machine', async () => {
    const [old, machineProcess] = [machine.boots().at(-1), machine.process()]
    const boot = await nextBoot(async () => {
      expect((await answerTo('reset')).kind).toBe('accepted')
    })
    expect(boot.id).not.toBe(old?.id)
    expect(machine.process()).toBe(machineProcess)
    expect(await power()).toBe('on')
  })

  test('off is read as off only once the machine is gone, and on boots it again', async () => {
    expect(await power()).toBe('on')
    const { length: heard } = notices
    expect((await answerTo('off')).kind).toBe('accepted')
    await expect.poll(power, { timeout: 10_000, interval: 20 }).toBe('off')
    expect(machine.process()).toBeUndefined()
    expect((await answerTo('reset')).kind).toBe('refused')
    machine.setKdump(false)
    const boot = await nextBoot(async () => {
      expect((await answerTo('on')).kind).toBe('accepted')
    })
    expect(boot.kdump).toBe(false)
    expect(await power()).toBe('on')
    expect(notices.length).toBe(heard)
  })
})

/** Every step in order, `HARDRESET off SEND` for one with a kind of its own. */
const steps = ({ steps: all }: ResetView) =>
  all.map(({ kind, direction, detail }) =>
    [kind, detail.action, direction].filter((word) => word !== undefined).join(' '),
  )

describe.skipIf('missing' in peer)('through a whole agent', () => {
  beforeAll(async () => {
    site = await SiteOnMachine.open(machine)
  })
  afterAll(() => site?.close())

  async function reset(): Promise<ResetView> {
    if (!site) throw new Error('there is no agent')
    return site.reset()
  }

  test('without kdump the hard reset leaves at its time and boots a new kernel', async () => {
    const hardResetAfterMs = 2500
    await site?.apply({ hardResetAfterMs, requireGrade: 'acknowledged' })
    expect(machine.boots().at(-1)?.kdump).toBe(false)
    const { length: from } = machine.acts()
    await nextBoot(async () => {
      const view = await reset()
      expect(view).toMatchObject({ result: 'REBOOT', fenced: true, grade: 'acknowledged' })
      expect(steps(view)).toEqual([
        'RM-RESET RECV',
        'SOFTRESET SEND',
        'SOFTRESET RECV',
        'HARDRESET reset SEND',
        'HARDRESET reset RECV',
        'RM-RESET SEND',
      ])
    })
    expect(actionsSince(from)).toEqual(['diag', 'reset'])
    const [nmi, hard] = machine.acts().slice(from)
    const gapMs = (hard?.at ?? 0) - (nmi?.at ?? 0)
    expect(gapMs).toBeGreaterThan(hardResetAfterMs - 100)
    expect(gapMs).toBeLessThan(hardResetAfterMs + 1000)
  })

  test('where off must be confirmed it is POFF at the proven off, and boots again', async () => {
    await site?.apply({ hardResetAfterMs: 1000, requireGrade: 'confirmed' })
    machine.setKdump(true)
    const [{ length: from }, machineProcess] = [machine.acts(), machine.process()]
    const boot = await nextBoot(async () => {
      const view = await reset()
      expect(view).toMatchObject({
        result: 'POFF',
        fenced: true,
        grade: 'confirmed',
        recovery: 'restored',
      })
      expect(view.evidence.at(-1)).toMatchObject({ source: `bmc:${SERVER}` })
    })
    expect(actionsSince(from)).toEqual(['diag', 'off', 'on'])
    expect(machine.process()).not.toBe(machineProcess)
    expect(boot.kdump).toBe(true)
  })

  test('a stop notice of the crash kernel completes the reset as DUMP', async () => {
    await site?.apply({ hardResetAfterMs: 5000, requireGrade: 'acknowledged' })
    const { length: from } = machine.acts()
    const crashes = machine.crashKernels()
    await nextBoot(async () => {
      const view = await reset()
      expect(view).toMatchObject({ result: 'DUMP', fenced: true, grade: 'acknowledged' })
      expect(view.evidence).toMatchObject([
        { source: `system:${SYSTEM}`, said: `stop notice from ${machine.address}` },
      ])
      expect(machine.crashKernels()).toBe(crashes + 1)
    })
    expect(actionsSince(from)).toEqual(['diag'])
  })
})
