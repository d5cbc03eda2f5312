// Tests of feeds and soft resets over real IPMI and SNMP (spec domain.md §9). The oracle is the room.
import { expect } from 'vitest'
import type { PduTestOrder, SoftResetTestOrder } from '../../../protocol/order.ts'
import { openStage, type Scene, stepsOf } from '../stage.ts'

const scenario = openStage()

const SERIAL = { mode: 'serial', offTimeMs: 5000, waitTimeMs: 5000, leaveUp: false } as const

function pduTest({ lab, name }: Scene, test: Partial<PduTestOrder['test']> = {}): PduTestOrder {
  const { kind: _, ...common } = lab.planRestore(name)
  return { ...common, kind: 'pdu-test', test: { ...SERIAL, ...test } }
}

function softResetTest({ lab, name, system }: Scene): SoftResetTestOrder {
  const { kind: _, feeds: __, ...common } = lab.planRestore(name)
  const { number, address, port } = system
  const cluster = name.replace(/b$/, '')
  return { ...common, kind: 'soft-reset-test', system: { cluster, number, address, port } }
}

async function start<O extends PduTestOrder | SoftResetTestOrder>(
  { lab }: Scene,
  order: O,
): Promise<O> {
  await lab.hand(await lab.sign(order))
  return order
}

const dark = (scene: Scene) =>
  [0, 1].filter((index) => {
    const { pdu, outlet } = scene.feed(index)
    return !pdu.live(outlet)
  }).length

const serial = { alone: true, physical: { bmcBootMs: 1500, holdUpMs: 300 } }

scenario(
  'a serial test proves the wiring by the log of the BMC, until the feeds are changed',
  serial,
  async (scene) => {
    const { lab, name } = scene
    await lab.observed(name, 'wiring', 'unproven')
    const { bootId } = scene.os
    const order = await start(scene, pduTest(scene))
    const view = await lab.operation(order, 60_000)
    expect(view).toMatchObject({
      operation: 'pdu-test',
      status: 'done',
      code: null,
      feeds: [
        {
          pdu: 'pdu-a',
          verdict: 'right',
          loss: { server: name, sensor: 0x51, what: 'input lost' },
        },
        {
          pdu: 'pdu-b',
          verdict: 'right',
          loss: { server: name, sensor: 0x52, what: 'input lost' },
        },
      ],
    })
    expect(scene.did()).toEqual(['pdu-a off', 'pdu-a on', 'pdu-b off', 'pdu-b on'])
    expect(scene.os.bootId).toBe(bootId)
    expect((await scene.log(order.id))[0]).toBe(
      `IPDUSD ${name} ---- SEND ---- ---- ---- ${lab.room.getPdu('pdu-a').place.address} 1 OFF`,
    )
    await lab.observed(name, 'wiring', 'proven')

    const reset = await scene.ended(await scene.order({ mode: 'pdu' }))
    expect(scene.evidence(reset).at(-1)).toMatch(
      /the wiring of these feeds was proven by a test at /,
    )

    await lab.apply((site) => {
      site.spec.servers[0].feeds[1].outlet = 7
    })
    await lab.observed(name, 'wiring', 'unproven')
  },
)

scenario(
  'a mis-cabled feed is named with the server that it really feeds',
  { ...serial, partner: {} },
  async (scene) => {
    const { lab, name } = scene
    lab.room.getPdu('pdu-a').model.setOutletFaults(1, { feeds: `${name}b` })
    const order = await start(scene, pduTest(scene))
    const view = await lab.operation(order, 60_000)
    expect(view).toMatchObject({ status: 'failed', code: 'mis-cabled' })
    expect(view.feeds[0]).toMatchObject({
      verdict: 'mis-cabled',
      loss: { server: `${name}b`, sensor: 0x51 },
    })
    expect(view.feeds[1]).toMatchObject({ verdict: 'right' })
    expect(dark(scene)).toBe(0)
    expect((await lab.observations(name, 'wiring')).at(-1)?.value).toBe('unproven')
  },
)

scenario('nothing is cut while a supply is broken', serial, async (scene) => {
  scene.model.setFaults({ failedSupplies: [2] })
  const view = await scene.lab.operation(await start(scene, pduTest(scene)))
  expect(view).toMatchObject({ status: 'failed', code: 'supply-fault' })
  expect(scene.did()).toEqual([])
})

scenario('the first supply that does not come back stops the test', serial, async (scene) => {
  const { lab } = scene
  const order = await start(scene, pduTest(scene))
  await lab.until('the first feed is cut', 10_000, () => dark(scene) === 1)
  scene.model.setFaults({ failedSupplies: [1] })
  const view = await lab.operation(order, 90_000)
  expect(view).toMatchObject({ status: 'failed', code: 'not-back' })
  expect(scene.did()).toEqual(['pdu-a off', 'pdu-a on'])
})

scenario('all feeds together: the BMC is gone and comes back', serial, async (scene) => {
  const { bootId } = scene.os
  const order = await start(scene, pduTest(scene, { mode: 'same' }))
  const view = await scene.lab.operation(order, 60_000)
  expect(view).toMatchObject({ status: 'done', detail: 'the BMC was gone and is back', feeds: [] })
  expect(scene.did()).toEqual(['pdu-a off', 'pdu-b off', 'pdu-a on', 'pdu-b on'])
  await scene.boots(bootId)
  await scene.lab.observed(scene.name, 'bmc', 'OK')
})

scenario(
  'a reset ends a test at once and brings back the feed that was off',
  serial,
  async (scene) => {
    const { lab } = scene
    const order = await start(scene, pduTest(scene))
    await lab.until('the first feed is cut', 10_000, () => dark(scene) === 1)
    const reset = await scene.order()
    expect(await lab.operation(order)).toMatchObject({ status: 'aborted' })
    const view = await scene.ended(reset)
    expect(view).toMatchObject({ result: 'DUMP', recovery: 'restored' })
    expect(scene.did()).toEqual(['pdu-a off', 'nmi', 'pdu-a on'])
    expect(dark(scene)).toBe(0)
  },
)

scenario(
  'where the reset has no feeds the test itself brings them back, and ends',
  { ...serial, site: { pduControl: false } },
  async (scene) => {
    const { lab } = scene
    const order = await start(scene, pduTest(scene))
    await lab.until('the first feed is cut', 10_000, () => dark(scene) === 1)
    const reset = await scene.order()
    expect(await lab.operation(order)).toMatchObject({ status: 'aborted' })
    expect(dark(scene)).toBe(0)
    expect(await scene.ended(reset)).toMatchObject({ result: 'DUMP', recovery: 'none' })
  },
)

scenario(
  'an agent that dies during a test switches the feed on again at its next start',
  serial,
  async (scene) => {
    const { lab } = scene
    const order = await start(scene, pduTest(scene))
    await lab.until('the first feed is cut', 10_000, () => dark(scene) === 1)
    await lab.stopAgent()
    await lab.startAgent()
    expect(await lab.operation(order)).toMatchObject({ status: 'aborted' })
    expect(scene.did()).toEqual(['pdu-a off', 'pdu-a on'])
  },
)

scenario(
  'a soft-reset test stops the system by its interrupt alone and measures the time to the notice',
  { ...serial, kdump: { delayMs: 1200 } },
  async (scene) => {
    const { lab, name, number } = scene
    const { bootId } = scene.os
    const order = await start(scene, softResetTest(scene))
    const view = await lab.operation(order)
    expect(view).toMatchObject({ operation: 'soft-reset-test', status: 'done', system: number })
    expect(view.softResetMs).toBeGreaterThan(1190)
    expect(view.softResetMs).toBeLessThan(1500)
    expect(scene.did()).toEqual(['nmi'])
    expect(view.steps.map(({ kind, direction }) => `${kind} ${direction}`)).toEqual([
      'SOFTRESET SEND',
      'SOFTRESET RECV',
      'ATTENTION RECV',
    ])
    expect(await scene.log(order.id)).toEqual([
      `SOFTRESET ${name} ${number} SEND ---- ---- ---- P`,
      `SOFTRESET ${name} ${number} RECV ---- ---- ---- P`,
      `ATTENTION ${name} ${number} RECV ${scene.system.address} * ${number} P DUMP`,
    ])
    expect((await scene.systemStates()).at(-1)).toBe('dump')
    await scene.boots(bootId)
  },
)

scenario('an interrupt that the BMC refuses ends the test', serial, async (scene) => {
  scene.model.setFaults({ refusesNmi: 0xcc })
  const view = await scene.lab.operation(await start(scene, softResetTest(scene)))
  expect(view).toMatchObject({ status: 'failed', code: 'soft-reset-refused', softResetMs: null })
  expect(scene.did()).toEqual(['nmi refused'])
})

scenario(
  'no test touches a server under reset, nor one with an outlet off; a reset is never refused for a test',
  { ...serial, physical: { bmcBootMs: 1500, holdUpMs: 300 } },
  async (scene) => {
    const { lab, name } = scene
    const reset = await scene.order()
    const refused = await lab.operation(await start(scene, pduTest(scene)))
    expect(refused).toMatchObject({ status: 'failed', code: 'reset-in-progress' })
    expect(stepsOf(await scene.ended(reset)).at(-1)).toBe('RM-RESET DUMP SEND')
    const { pdu, outlet } = scene.feed(1)
    pdu.order(outlet, 'off')
    await lab.observed(`pdu-b/${outlet}`, 'state', 'Disable')
    const off = await lab.operation(await start(scene, pduTest(scene)))
    expect(off).toMatchObject({ status: 'failed', code: 'outlet-not-on' })
    expect(off.detail).toContain(`pdu-b/${outlet} is Disable`)
    expect(name).not.toBe('')
  },
)
