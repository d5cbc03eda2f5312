// Tests and restores of management servers over real IPMI and SNMP (spec domain.md §9). The oracle is the room.
import { expect } from 'vitest'
import type { PduTestOrder, RestoreOrder } from '../../../protocol/order.ts'
import { openStage, type Scene } from '../stage.ts'

const scenario = openStage()

const QUICK = { bmcBootMs: 1500, holdUpMs: 300 }
const WITH_SECOND = { alone: true, physical: QUICK, managementServer: { physical: QUICK } } as const
const SERIAL = { mode: 'serial', offTimeMs: 30_000, waitTimeMs: 5000, leaveUp: false } as const

async function start<O extends PduTestOrder | RestoreOrder>({ lab }: Scene, order: O): Promise<O> {
  await lab.hand(await lab.sign(order))
  return order
}

function pduTest(
  { lab, name }: Scene,
  test: Partial<PduTestOrder['test']> = {},
): PduTestOrder & { target: { class?: 'M' | undefined } } {
  const { kind: _, ...common } = lab.planRestore(name)
  return { ...common, kind: 'pdu-test', test: { ...SERIAL, ...test } }
}

const dark = (scene: Scene) =>
  [0, 1].filter((index) => {
    const { pdu, outlet } = scene.feed(index)
    return !pdu.live(outlet)
  }).length

scenario(
  'a serial test of a management server and a reset by outlets of the same PDUs leave each other alone',
  WITH_SECOND,
  async (scene) => {
    const { lab } = scene
    const second = scene.managementServer()
    const { bootId } = second.os
    const order = await start(second, pduTest(second))
    await lab.until('the first feed is cut', 10_000, () => dark(second) === 1)
    const reset = await scene.ended(await scene.order({ mode: 'pdu' }))
    expect(reset).toMatchObject({ result: 'POFF', fenced: true, recovery: 'restored' })
    expect(scene.did()).toEqual(['pdu-a off', 'pdu-b off', 'pdu-a on', 'pdu-b on'])
    expect(second.did()).toEqual(['pdu-a off'])

    // It goes on; its end is played under a virtual clock. An agent that dies brings the feed back.
    await lab.stopAgent()
    await lab.startAgent()
    const view = await lab.operation(order)
    expect(view).toMatchObject({ server: 'HACON2', class: 'M', status: 'aborted' })
    expect(second.did()).toEqual(['pdu-a off', 'pdu-a on'])
    expect(second.os.bootId).toBe(bootId)
    const { outlet } = second.feed(0)
    const { address } = lab.room.getPdu('pdu-a').place
    expect(await second.log(order.id)).toEqual([
      `IPDUSD HACON2 ---- SEND ---- ---- ---- ${address} ${outlet} OFF`,
      `IPDUSD HACON2 ---- RECV ---- ---- ---- ${address} ${outlet} OFF`,
      `IPDUSD HACON2 ---- SEND ---- ---- ---- ${address} ${outlet} ON`,
      `IPDUSD HACON2 ---- RECV ---- ---- ---- ${address} ${outlet} ON`,
    ])
  },
)

scenario(
  'a reset by outlets of another server makes no wiring wrong that is under test',
  { alone: true, physical: QUICK, partner: {} },
  async (scene) => {
    const { lab, name } = scene
    const partner = scene.partner()
    const order = await start(scene, pduTest(scene, { offTimeMs: 5000 }))
    await lab.until('the first feed is cut', 10_000, () => dark(scene) === 1)
    const reset = await partner.order({ mode: 'pdu' })
    expect(await lab.operation(order, 60_000)).toMatchObject({
      status: 'done',
      feeds: [
        { verdict: 'right', loss: { server: name } },
        { verdict: 'right', loss: { server: name } },
      ],
    })
    expect(await partner.ended(reset)).toMatchObject({ result: 'POFF' })
    await lab.observed(name, 'wiring', 'proven')
  },
)

scenario(
  'mode same takes a management server away, and the report says what may be due then',
  WITH_SECOND,
  async (scene) => {
    const second = scene.managementServer()
    const order = await start(second, pduTest(second, { mode: 'same', offTimeMs: 5000 }))
    const view = await scene.lab.operation(order, 60_000)
    expect(view).toMatchObject({ status: 'done', class: 'M' })
    expect(view.detail).toMatch(
      /^the BMC was gone and is back; HACON2 was switched off: .*agent runs/,
    )
    expect(second.did()).toEqual(['pdu-a off', 'pdu-b off', 'pdu-a on', 'pdu-b on'])
    expect(scene.did()).toEqual([])
  },
)

scenario(
  'an agent cuts no feed of the machine that it runs on, and none with an off time too short',
  WITH_SECOND,
  async (scene) => {
    const { lab } = scene
    const second = scene.managementServer()
    const own = { server: 'HACON1', class: 'M' as const }
    for (const mode of ['same', 'serial'] as const) {
      const order = { ...pduTest(second, { mode }), target: own }
      const refused = await lab.operation(await start(second, order))
      expect(refused).toMatchObject({ status: 'failed', code: 'own-management-server' })
      expect(refused.detail).toContain('agent of the other management server')
    }
    const short = await start(second, pduTest(second, { offTimeMs: 29_000 }))
    expect(await lab.operation(short)).toMatchObject({ status: 'failed', code: 'invalid-test' })
    const asServer = { ...pduTest(second), target: { server: 'HACON2' } }
    expect(await lab.operation(await start(second, asServer))).toMatchObject({
      code: 'unknown-server',
    })
    expect(second.did()).toEqual([])
  },
)

scenario('a restore switches the feeds of a management server on', WITH_SECOND, async (scene) => {
  const { lab } = scene
  const second = scene.managementServer()
  const { pdu, outlet } = second.feed(0)
  pdu.order(outlet, 'off')
  await lab.observed(`pdu-a/${outlet}`, 'state', 'Disable')
  const off = await lab.operation(await start(second, pduTest(second)))
  expect(off).toMatchObject({ status: 'failed', code: 'outlet-not-on' })
  const view = await lab.operation(await start(second, lab.planRestore('HACON2')))
  expect(view).toMatchObject({ operation: 'restore', class: 'M', status: 'done' })
  expect(dark(second)).toBe(0)
})
