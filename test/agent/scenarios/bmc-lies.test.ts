// BMCs that lose answers, do nothing, are someone else or cannot be logged in to: unknown is never off, and no
// effect is sent a second time (spec architecture.md, "Never").
import { expect } from 'vitest'
import { pause } from '../site-on-lab.ts'
import { openStage, stepsOf } from '../stage.ts'

const scenario = openStage()

const CUT = ['pdu-a off', 'pdu-b off']
const BACK = ['pdu-a on', 'pdu-b on']

scenario(
  'where off must be seen, a BMC that only says so is caught and the feeds are cut',
  { feeds: 1, requireGrade: 'confirmed' },
  async (scene) => {
    const { bootId } = scene.os
    scene.model.setFaults({ acceptsAndDoesNothing: ['nmi', 'reset', 'off'] })
    const order = await scene.order()
    const decided = await scene.decided(order)
    expect(decided).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    expect(scene.model.railVolts).toBe(0)
    expect(scene.evidence(decided)).toEqual([
      expect.stringMatching(/^bmc:@: power off accepted/),
      'bmc:@: the BMC was told to power off and power was never read off',
      expect.stringMatching(/^pdu:pdu-a\/\d+: read off/),
      'bmc:@: silent after the cut',
      expect.stringMatching(/^server:@: the wiring/),
    ])
    const view = await scene.ended(order)
    expect(view.recovery).toBe('restored')
    expect(scene.did()).toEqual(['nmi', 'off', 'pdu-a off', 'pdu-a on'])
    await scene.boots(bootId)
  },
)

scenario(
  'with off and on as the hard method and no feed to cut, a BMC that only says so fails the reset',
  { feeds: 0, site: { hardMethod: 'off-on' }, kdump: { enabled: false } },
  async (scene) => {
    const { bootId } = scene.os
    scene.model.setFaults({ acceptsAndDoesNothing: ['nmi', 'reset', 'off'] })
    const view = await scene.ended(await scene.order())
    expect(view).toMatchObject({ result: 'FAIL', fenced: false })
    expect(view.detail).toBe('the BMC was told to power off and power was never read off')
    expect(scene.os).toMatchObject({ state: 'running', bootId })
    expect(scene.did()).toEqual(['nmi', 'off'])
  },
)

scenario(
  'where off must be seen, a stop notice does not complete and the server is powered off and on',
  { feeds: 1, requireGrade: 'confirmed' },
  async (scene) => {
    const { bootId } = scene.os
    const order = await scene.order()
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    expect(view.recovery).toBe('restored')
    expect(stepsOf(view)).toEqual([
      'RM-RESET RECV',
      'SOFTRESET SEND',
      'SOFTRESET RECV',
      'ATTENTION DUMP RECV',
      'HARDRESET off SEND',
      'HARDRESET off RECV',
      'RM-RESET POFF SEND',
      'HARDRESET on SEND',
      'HARDRESET on RECV',
    ])
    expect(scene.did()).toEqual(['nmi', 'off', 'on'])
    await scene.boots(bootId)
  },
)

scenario(
  'a hard reset without answer is never repeated: off, read off, on',
  { kdump: { enabled: false } },
  async (scene) => {
    const { bootId } = scene.os
    const order = await scene.order()
    await scene.lab.until('the interrupt came', 2000, () => scene.model.bmc.executed.nmi === 1)
    scene.model.setFaults({ loseReplies: 1 })
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'POFF', grade: 'confirmed', recovery: 'restored' })
    expect(scene.evidence(view)).toEqual([
      'bmc:@: answers again, but not to the hard reset: its outcome is unknown',
      expect.stringMatching(/^bmc:@: power off accepted/),
      'bmc:@: power read off',
    ])
    expect(scene.did()).toEqual(['nmi', 'reset', 'off', 'on'])
    await scene.boots(bootId)
  },
)

scenario(
  'with the answer to the interrupt lost as well, each effect is still sent once',
  { feeds: 0, kdump: { enabled: false } },
  async (scene) => {
    scene.model.setFaults({ loseReplies: 2 })
    const view = await scene.ended(await scene.order())
    expect(view).toMatchObject({ result: 'POFF', grade: 'confirmed', recovery: 'restored' })
    expect(stepsOf(view).slice(0, 5)).toEqual([
      'RM-RESET RECV',
      'SOFTRESET SEND',
      'HARDRESET reset SEND',
      'HARDRESET off SEND',
      'HARDRESET off RECV',
    ])
    expect(scene.did()).toEqual(['nmi', 'reset', 'off', 'on'])
  },
)

scenario(
  'a BMC that restarts at every command gets none twice, and the feeds decide',
  { kdump: { enabled: false } },
  async (scene) => {
    scene.model.setFaults({ resetsItselfMidOperation: true })
    const order = await scene.order()
    const decided = await scene.decided(order, 60_000)
    expect(decided).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    expect(scene.model.railVolts).toBe(0)
    const { nmi, reset, off } = scene.model.bmc.executed
    expect(nmi).toBe(1)
    expect(reset).toBeLessThanOrEqual(1)
    expect(off).toBeLessThanOrEqual(1)
  },
)

scenario(
  'a BMC without a free session is no way to the server: the feeds are cut at once',
  { kdump: { enabled: false } },
  async (scene) => {
    scene.model.setFaults({ sessionFull: true })
    scene.model.bmc.restart()
    await scene.lab.observed(scene.name, 'bmc', 'NG')
    // A login by then; the link was lost for its silence before.
    await pause(3000)
    const order = await scene.order()
    const view = await scene.decided(order)
    expect(view).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    expect(await scene.after(order, 'pdu-a off')).toBeLessThan(1000)
    expect(scene.did()).toEqual(CUT)
    expect(scene.evidence(view)[0]).toMatch(/unreachable: .*all sessions of the BMC are taken/)
  },
)

scenario(
  'a refused password is not tried again, and the ladder goes on without the BMC',
  { wrongPassword: true },
  async (scene) => {
    const { bootId } = scene.os
    await scene.lab.observed(scene.name, 'bmc', 'NG')
    const order = await scene.order()
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'POFF', grade: 'confirmed', recovery: 'restored' })
    expect(stepsOf(view).slice(0, 5)).toEqual([
      'RM-RESET RECV',
      'SOFTRESET SEND !',
      'HARDRESET reset SEND !',
      'IPDUSD pdu-a OFF SEND',
      'IPDUSD pdu-b OFF SEND',
    ])
    expect(scene.did()).toEqual([...CUT, ...BACK])
    const links = await scene.lab.observations(scene.name, 'bmc')
    expect(links.map(({ value }) => value)).toEqual(['--', 'NG'])
    expect(links[1]?.detail).toMatch(/wrong password/)
    await scene.boots(bootId)
  },
)

scenario(
  'another machine at the BMC address is alarmed and never shot at',
  { feeds: 0 },
  async (scene) => {
    scene.model.setFaults({ foreignGuid: true })
    scene.model.bmc.restart()
    await scene.lab.observed(scene.name, 'identity', 'mismatch')
    const alarm = (await scene.lab.records()).find((record) => record.kind === 'alarm')
    expect(alarm).toMatchObject({ code: 'identity-mismatch', subject: scene.name, raised: true })
    const view = await scene.ended(await scene.order())
    expect(view).toMatchObject({ result: 'FAIL', fenced: false })
    expect(stepsOf(view).slice(0, 3)).toEqual([
      'RM-RESET RECV',
      'SOFTRESET SEND !',
      'HARDRESET reset SEND !',
    ])
    expect(scene.did()).toEqual([])
    expect(scene.os.state).toBe('running')
  },
)

scenario(
  'a machine that tells no identity may be reset: none was bound that it could contradict',
  { feeds: 0, kdump: { enabled: false } },
  async (scene) => {
    scene.model.setFaults({ zeroGuid: true })
    scene.model.bmc.restart()
    await scene.lab.observed(scene.name, 'identity', 'unproven')
    const view = await scene.ended(await scene.order())
    expect(view).toMatchObject({ result: 'REBOOT', grade: 'acknowledged' })
    expect(scene.did()).toEqual(['nmi', 'reset'])
  },
)

scenario(
  'a refused hard reset leads to the feeds, or to off and on where there are none',
  { feeds: 1, partner: { feeds: 0 }, kdump: { enabled: false } },
  async (scene) => {
    const fedByNone = scene.partner()
    for (const { model } of [scene, fedByNone]) model.setFaults({ refusesReset: 0xcc })
    const [cut, off] = await Promise.all([scene.order(), fedByNone.order()])
    expect(await scene.ended(cut)).toMatchObject({ result: 'POFF', recovery: 'restored' })
    expect(scene.did()).toEqual(['nmi', 'reset refused', 'pdu-a off', 'pdu-a on'])
    expect(await fedByNone.ended(off)).toMatchObject({ result: 'POFF', recovery: 'restored' })
    expect(fedByNone.did()).toEqual(['nmi', 'reset refused', 'off', 'on'])
  },
)
