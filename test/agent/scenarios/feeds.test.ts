// The rung of the feeds over real SNMP: cut, proof, held off, back again (spec domain.md §3).
import { expect } from 'vitest'
import { pause } from '../site-on-lab.ts'
import { openStage, stepsOf } from '../stage.ts'

const scenario = openStage()

const CUT = ['pdu-a off', 'pdu-b off']
const BACK = ['pdu-a on', 'pdu-b on']

scenario(
  'a BMC that hangs is fenced at all its feeds, and the server comes back as another boot',
  { kdump: { enabled: false } },
  async (scene) => {
    const { bootId } = scene.os
    scene.model.setFaults({ hang: true })
    const order = await scene.order()
    const decided = await scene.decided(order)
    expect(decided).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    expect(decided.recovery).not.toBe('restored')
    expect(scene.model.railVolts).toBe(0)
    expect(scene.evidence(decided)).toEqual([
      'bmc:@: silent for 5000 ms after the hard reset',
      expect.stringMatching(/^pdu:pdu-a\/\d+: read off/),
      expect.stringMatching(/^pdu:pdu-b\/\d+: read off/),
      'bmc:@: silent after the cut',
      expect.stringMatching(/^server:@: the wiring of these feeds has not been proven/),
    ])
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'POFF', recovery: 'restored' })
    const line = (kind: string, rest: string) => `${kind} ${scene.name} ${scene.number} ${rest}`
    const relay = (direction: string, index: number, to: string) => {
      const { pdu, outlet } = scene.feed(index)
      const { address } = scene.lab.room.getPdu(pdu.name).place
      return line('IPDUSD', `${direction} ---- ---- ---- ${address} ${outlet} ${to}`)
    }
    const both = (to: string) => [
      relay('SEND', 0, to),
      relay('SEND', 1, to),
      relay('RECV', 0, to),
      relay('RECV', 1, to),
    ]
    expect(await scene.log(order)).toEqual([
      line('RM-RESET', 'RECV ---- ---- ---- P ----'),
      line('SOFTRESET', 'SEND ---- ---- ---- P'),
      line('HARDRESET', 'SEND ---- ---- ---- P'),
      ...both('OFF'),
      line('RM-RESET', 'SEND ---- ---- ---- P POFF'),
      ...both('ON'),
    ])
    expect(scene.did()).toEqual([...CUT, ...BACK])
    const waitMs = scene.at('pdu-a on') - scene.at('pdu-a off')
    expect(waitMs).toBeGreaterThanOrEqual(6000)
    await scene.boots(bootId)
  },
)

scenario(
  'with the way to the BMC known to be gone the feeds are cut at once, and held with wait 0',
  { site: { pduRecoveryWaitS: 0 } },
  async (scene) => {
    const { bootId } = scene.os
    scene.model.setFaults({ dead: true })
    await scene.lab.observed(scene.name, 'bmc', 'NG')
    const order = await scene.order()
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'POFF', grade: 'confirmed', recovery: 'held' })
    expect(await scene.after(order, 'pdu-a off')).toBeLessThan(1000)
    expect(stepsOf(view)).toEqual([
      'RM-RESET RECV',
      'SOFTRESET SEND !',
      'HARDRESET reset SEND !',
      'IPDUSD pdu-a OFF SEND',
      'IPDUSD pdu-b OFF SEND',
      'IPDUSD pdu-a OFF RECV',
      'IPDUSD pdu-b OFF RECV',
      'RM-RESET POFF SEND',
    ])
    expect((await scene.log(order)).filter((line) => /SOFTRESET|HARDRESET/.test(line))).toEqual([])
    await scene.lab
      .until('nothing happens by itself', 3000, () => scene.did().length > 2)
      .then(
        () => expect.fail('a held server was switched on'),
        () => {},
      )
    expect(scene.model.railVolts).toBe(0)

    scene.model.setFaults({ dead: false })
    const restore = await scene.lab.operation(await scene.lab.restore(scene.name))
    expect(restore).toMatchObject({ status: 'done', operation: 'restore', server: scene.name })
    expect(scene.did()).toEqual([...CUT, ...BACK])
    await scene.boots(bootId)
  },
)

scenario(
  'with PDU control off and the BMC silent the reset fails after ten seconds',
  { feeds: 0, kdump: { enabled: false } },
  async (scene) => {
    scene.model.setFaults({ hang: true })
    const startedAt = performance.now()
    const view = await scene.ended(await scene.order())
    expect(performance.now() - startedAt).toBeGreaterThan(12_400)
    expect(performance.now() - startedAt).toBeLessThan(13_500)
    expect(view).toMatchObject({ result: 'FAIL', fenced: false, grade: 'unknown' })
    expect(view.detail).toBe('the BMC did not answer the hard reset and PDU control is off')
    expect(scene.os.state).toBe('running')
    expect(scene.did()).toEqual([])
  },
)

scenario(
  'with PDU control off and no way to the BMC the reset fails without a shot',
  { feeds: 0 },
  async (scene) => {
    scene.model.setFaults({ dead: true })
    await scene.lab.observed(scene.name, 'bmc', 'NG')
    const view = await scene.ended(await scene.order())
    expect(view).toMatchObject({ result: 'FAIL', fenced: false, grade: null })
    expect(view.detail).toBe('there was no way to the BMC to power off')
    expect(scene.os.state).toBe('running')
    expect(scene.did()).toEqual([])
  },
)

scenario(
  'one outlet that does not move fails the reset by name; the other stays off until a restore',
  { kdump: { enabled: false } },
  async (scene) => {
    const stuck = scene.feed(1)
    stuck.pdu.setOutletFaults(stuck.outlet, { stuck: true })
    scene.model.setFaults({ dead: true })
    await scene.lab.observed(scene.name, 'bmc', 'NG')
    const order = await scene.order()
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'FAIL', fenced: false, grade: null, recovery: 'held' })
    expect(view.detail).toMatch(
      new RegExp(`^not every feed was read off: pdu-b/${stuck.outlet} read on`),
    )
    expect(view.detail).not.toContain('pdu-a')
    expect((await scene.log(order)).at(-1)).toMatch(/ SEND ---- ---- ---- P FAIL$/)
    expect(scene.model.railVolts).toBe(12)
    expect(scene.os.state).toBe('running')
    expect(scene.feed(0).pdu.live(scene.feed(0).outlet)).toBe(false)
    // Accepted is not moved, and an accepted order is not given again.
    expect(scene.did()).toEqual(CUT)

    stuck.pdu.setOutletFaults(stuck.outlet, { stuck: false })
    const restore = await scene.lab.operation(await scene.lab.restore(scene.name))
    expect(restore).toMatchObject({ status: 'done' })
    expect(scene.feed(0).pdu.live(scene.feed(0).outlet)).toBe(true)
  },
)

scenario(
  'a feed that does not come back leaves the reset complete, shows and alarms',
  {},
  async (scene) => {
    const { bootId } = scene.os
    const order = await scene.order({ mode: 'pdu' })
    expect(await scene.decided(order)).toMatchObject({ result: 'POFF', fenced: true })
    const stuck = scene.feed(0)
    stuck.pdu.setOutletFaults(stuck.outlet, { stuck: true })
    const view = await scene.ended(order)
    expect(view).toMatchObject({
      result: 'POFF',
      fenced: true,
      grade: 'confirmed',
      status: 'complete',
      recovery: 'partial',
    })
    const alarms = (await scene.lab.records()).filter(
      (record) => record.kind === 'alarm' && record.subject === scene.name,
    )
    expect(alarms).toEqual([
      expect.objectContaining({
        code: 'power-not-restored',
        raised: true,
        detail: expect.stringContaining(`pdu-a/${stuck.outlet} read off`),
      }),
    ])
    expect(stuck.pdu.live(stuck.outlet)).toBe(false)
    await scene.boots(bootId)
  },
)

scenario(
  'outlets that read off while the BMC still answers fence nothing',
  { kdump: { enabled: false } },
  async (scene) => {
    const welded = scene.feed(1)
    welded.pdu.setOutletFaults(welded.outlet, { welded: true })
    scene.model.setFaults({ refusesOff: 0xd5 })
    const view = await scene.ended(await scene.order({ mode: 'pdu' }))
    expect(view).toMatchObject({ result: 'FAIL', fenced: false, recovery: 'held' })
    expect(scene.evidence(view)).toContain(
      'bmc:@: answers although every feed is read off: it has another supply',
    )
    expect(scene.model.railVolts).toBe(12)
    expect(scene.os.state).toBe('running')
  },
)

scenario(
  'where the feeds do not stop the server its BMC may still do it',
  { kdump: { enabled: false } },
  async (scene) => {
    const { bootId } = scene.os
    const welded = scene.feed(1)
    welded.pdu.setOutletFaults(welded.outlet, { welded: true })
    const order = await scene.order({ mode: 'pdu' })
    const decided = await scene.decided(order)
    expect(decided).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    expect(scene.evidence(decided)).toEqual([
      'bmc:@: answers although every feed is read off: it has another supply',
      expect.stringMatching(/^bmc:@: power off accepted/),
      'bmc:@: power read off',
    ])
    expect(scene.model.railVolts).toBe(0)
    expect(await scene.ended(order)).toMatchObject({ recovery: 'restored' })
    await scene.boots(bootId)
  },
)

scenario(
  'a cable in the wrong outlet is caught by the BMC that goes on answering',
  { ownPdus: true, partner: {} },
  async (scene) => {
    const wrong = scene.feed(0)
    wrong.pdu.setOutletFaults(wrong.outlet, { feeds: `${scene.name}b` })
    scene.model.setFaults({ refusesOff: 0xd5 })
    const view = await scene.ended(await scene.order({ mode: 'pdu' }))
    expect(view).toMatchObject({ result: 'FAIL', fenced: false })
    expect(scene.os.state).toBe('running')
  },
)

scenario(
  'a PDU that falls silent proves nothing: the reset fails and names its outlet',
  { ownPdus: true },
  async (scene) => {
    scene.feed(0).pdu.setFaults({ frozen: true })
    scene.model.setFaults({ dead: true })
    await scene.lab.observed(scene.name, 'bmc', 'NG')
    const view = await scene.ended(await scene.order())
    expect(view).toMatchObject({ result: 'FAIL', fenced: false, recovery: 'held' })
    expect(view.detail).toContain(`pdu-a-${scene.name}/1`)
    expect(view.detail).not.toContain(`pdu-b-${scene.name}/1`)
    expect(scene.model.railVolts).toBe(12)
  },
)

scenario(
  'a switch order that its PDU never got is given again once a look shows that it did not take',
  { ownPdus: true, kdump: { enabled: false } },
  async (scene) => {
    const { pdu } = scene.feed(0)
    pdu.setFaults({ dead: true })
    const order = await scene.order({ mode: 'pdu' })
    await pause(4500)
    expect(pdu.live(1)).toBe(true)
    pdu.setFaults({ dead: false })
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'POFF', grade: 'confirmed', recovery: 'restored' })
    expect(stepsOf(view).filter((step) => step.startsWith('IPDUSD pdu-a OFF SEND'))).toHaveLength(2)
    expect(scene.did().sort()).toEqual([...CUT, ...BACK].sort())
  },
)

scenario(
  'a switch order that waits in a frozen PDU cuts as soon as it goes on',
  { ownPdus: true, kdump: { enabled: false } },
  async (scene) => {
    const { pdu } = scene.feed(0)
    pdu.setFaults({ frozen: true })
    const order = await scene.order({ mode: 'pdu' })
    await pause(2000)
    pdu.setFaults({ frozen: false })
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'POFF', grade: 'confirmed', recovery: 'restored' })
    expect(scene.did().sort()).toEqual([...CUT, ...BACK].sort())
  },
)

scenario(
  'a BMC that was gone and came back is used again',
  { feeds: 1, kdump: { enabled: false } },
  async (scene) => {
    scene.model.setFaults({ dead: true })
    await scene.lab.observed(scene.name, 'bmc', 'NG')
    scene.model.setFaults({ dead: false })
    await scene.lab.observed(scene.name, 'bmc', 'OK')
    expect(await scene.ended(await scene.order())).toMatchObject({ result: 'REBOOT' })
    expect(scene.did()).toEqual(['nmi', 'reset'])
  },
)
