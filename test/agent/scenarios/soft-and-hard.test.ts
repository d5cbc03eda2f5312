// The first two rungs over real IPMI: diagnostic interrupt, stop notice, hard reset (spec domain.md §3).
import { expect } from 'vitest'
import { pause } from '../site-on-lab.ts'
import { GUARDED_PAIR, openStage, stepsOf } from '../stage.ts'

const scenario = openStage()

/** Well before any timer would act; how exact it is, test/bench measures. */
const LATE_MAX_MS = 1000

scenario(
  'a stop notice in time completes the reset, and nothing harder is sent',
  GUARDED_PAIR,
  async (scene) => {
    const asks = scene.partner().number
    const order = await scene.order({ requester: asks })
    const view = await scene.ended(order)
    const { name, number } = scene
    expect(view).toMatchObject({
      result: 'DUMP',
      fenced: true,
      grade: 'acknowledged',
      status: 'complete',
      server: name,
      system: number,
      requester: asks,
      recovery: 'none',
    })
    const { address } = scene.system
    const { address: asking } = scene.partner().system
    expect(await scene.log(order)).toEqual([
      `RM-RESET ${name} ${number} RECV ${asking} 6001 ${asks} P ----`,
      `SOFTRESET ${name} ${number} SEND ${asking} 6001 ${asks} P`,
      `SOFTRESET ${name} ${number} RECV ${asking} 6001 ${asks} P`,
      `ATTENTION ${name} ${number} RECV ${address} * ${number} P DUMP`,
      `RM-RESET ${name} ${number} SEND ${asking} 6001 ${asks} P DUMP`,
    ])
    expect(scene.evidence(view)).toEqual([`system:${number}: stop notice from ${address}`])
    expect(scene.did()).toEqual(['nmi'])
    expect(scene.os.state).toBe('panicked')
    await scene.lab.observed(name, 'reset', 'proven')
    expect(scene.partner().os.state).toBe('running')
  },
)

scenario(
  'without a notice the hard reset leaves at its time, and its acceptance completes',
  { feeds: 1, kdump: { enabled: false } },
  async (scene) => {
    const { bootId } = scene.os
    const order = await scene.order()
    const view = await scene.ended(order)
    const { name, number } = scene
    expect(view).toMatchObject({ result: 'REBOOT', fenced: true, grade: 'acknowledged' })
    expect(await scene.log(order)).toEqual([
      `RM-RESET ${name} ${number} RECV ---- ---- ---- P ----`,
      `SOFTRESET ${name} ${number} SEND ---- ---- ---- P`,
      `SOFTRESET ${name} ${number} RECV ---- ---- ---- P`,
      `HARDRESET ${name} ${number} SEND ---- ---- ---- P`,
      `HARDRESET ${name} ${number} RECV ---- ---- ---- P`,
      `RM-RESET ${name} ${number} SEND ---- ---- ---- P DUMP`,
    ])
    expect(scene.evidence(view)).toEqual(['bmc:@: hard reset accepted'])
    expect(scene.did()).toEqual(['nmi', 'reset'])
    const lateMs = (await scene.after(order, 'reset')) - 2500
    expect(lateMs).toBeGreaterThanOrEqual(0)
    expect(lateMs).toBeLessThan(LATE_MAX_MS)
    await scene.boots(bootId)
  },
)

scenario(
  'a refused interrupt is followed by the hard reset at once',
  { feeds: 1 },
  async (scene) => {
    scene.model.setFaults({ refusesNmi: 0xcc })
    const order = await scene.order()
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'REBOOT', grade: 'acknowledged' })
    expect(stepsOf(view)).toEqual([
      'RM-RESET RECV',
      'SOFTRESET SEND',
      'SOFTRESET RECV !',
      'HARDRESET reset SEND',
      'HARDRESET reset RECV',
      'RM-RESET REBOOT SEND',
    ])
    expect(scene.evidence(view)[0]).toMatch(/^bmc:@: diagnostic interrupt refused: .*CCh/)
    expect(scene.did()).toEqual(['nmi refused', 'reset'])
    expect(await scene.after(order, 'reset')).toBeLessThan(LATE_MAX_MS)
  },
)

scenario(
  'a server without soft method is hard reset at once',
  { feeds: 1, site: { softMethod: 'none' }, kdump: { enabled: false } },
  async (scene) => {
    const order = await scene.order()
    expect(await scene.ended(order)).toMatchObject({ result: 'REBOOT', grade: 'acknowledged' })
    expect(scene.did()).toEqual(['reset'])
    expect(await scene.after(order, 'reset')).toBeLessThan(LATE_MAX_MS)
  },
)

scenario('mode soft ends with the stop notice', { feeds: 2 }, async (scene) => {
  const view = await scene.ended(await scene.order({ mode: 'soft' }))
  expect(view).toMatchObject({ result: 'DUMP', fenced: true, grade: 'acknowledged' })
  expect(scene.did()).toEqual(['nmi'])
})

scenario(
  'mode soft without a notice fails and sends nothing harder',
  { feeds: 2, kdump: { enabled: false } },
  async (scene) => {
    const order = await scene.order({ mode: 'soft' })
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'FAIL', fenced: false, grade: 'unknown' })
    expect(view.detail).toBe('no stop notice within 2500 ms')
    expect((await scene.log(order)).at(-1)).toBe(
      `RM-RESET ${scene.name} ${scene.number} SEND ---- ---- ---- P FAIL`,
    )
    expect(scene.did()).toEqual(['nmi'])
  },
)

scenario('mode hard sends no interrupt', { feeds: 2 }, async (scene) => {
  const { bootId } = scene.os
  const view = await scene.ended(await scene.order({ mode: 'hard' }))
  expect(view).toMatchObject({ result: 'REBOOT', fenced: true, grade: 'acknowledged' })
  expect(scene.did()).toEqual(['reset'])
  await scene.boots(bootId)
})

scenario('mode pdu cuts the feeds and tells the BMC nothing', { feeds: 2 }, async (scene) => {
  const view = await scene.ended(await scene.order({ mode: 'pdu' }))
  expect(view).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
  expect(view.recovery).toBe('restored')
  expect(scene.did()).toEqual(['pdu-a off', 'pdu-b off', 'pdu-a on', 'pdu-b on'])
})

scenario(
  'a stop notice without a request answers the next one, and the dump survives',
  { feeds: 2 },
  async (scene) => {
    const { bootId, boots } = scene.os
    scene.os.panic()
    await scene.lab.until('a stop notice was sent', 5000, () => scene.os.stopNotices > 0)
    await scene.lab.observed(`${scene.name}/${scene.number}`, 'state', 'dump', 2000)
    const order = await scene.order()
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'DUMP', fenced: true, grade: 'acknowledged' })
    expect(scene.evidence(view)).toEqual([
      `system:${scene.number}: stop notice from ${scene.system.address}`,
    ])
    expect(stepsOf(view)).toEqual(['RM-RESET RECV', 'RM-RESET DUMP SEND'])
    expect(scene.os).toMatchObject({ state: 'panicked', bootId })
    await scene.boots(bootId)
    expect(scene.os.boots).toBe(boots + 1)
    expect(scene.did()).toEqual([])
  },
)

scenario(
  'a notice between a hard reset and its answer completes as dump',
  // The reset's answer is lost and it acts two seconds late; the dump speaks up in between.
  { feeds: 2, kdump: { delayMs: 2900 } },
  async (scene) => {
    const order = await scene.order()
    await scene.lab.until('the interrupt came', 2000, () => scene.model.bmc.executed.nmi === 1)
    scene.model.setFaults({ loseReplies: 1, actsLateMs: 2000 })
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'DUMP', fenced: true, grade: 'acknowledged' })
    expect(stepsOf(view)).toEqual([
      'RM-RESET RECV',
      'SOFTRESET SEND',
      'SOFTRESET RECV',
      'HARDRESET reset SEND',
      'ATTENTION DUMP RECV',
      'RM-RESET DUMP SEND',
    ])
    expect(scene.did()).toEqual(['nmi', 'reset'])
  },
)

scenario(
  'a notice after a completed hard reset is recorded and changes nothing',
  { feeds: 2, kdump: { delayMs: 2900 } },
  async (scene) => {
    const order = await scene.order()
    await scene.lab.until('the interrupt came', 2000, () => scene.model.bmc.executed.nmi === 1)
    scene.model.setFaults({ actsLateMs: 2000 })
    expect(await scene.ended(order)).toMatchObject({ result: 'REBOOT', grade: 'acknowledged' })
    await scene.lab.until('the notice is recorded', 3000, async () =>
      (await scene.lab.records()).some(
        (record) => record.kind === 'noticed' && record.server === scene.name,
      ),
    )
    expect(await scene.lab.view(order)).toMatchObject({ result: 'REBOOT' })
    expect(scene.did()).toEqual(['nmi', 'reset'])
  },
)

scenario(
  'a slow BMC gets every effect once',
  { feeds: 2, kdump: { enabled: false } },
  async (scene) => {
    scene.model.setFaults({ slowControlMs: 1500 })
    const view = await scene.ended(await scene.order())
    expect(view).toMatchObject({ result: 'REBOOT', grade: 'acknowledged' })
    expect(stepsOf(view).slice(1, 5)).toEqual([
      'SOFTRESET SEND',
      'SOFTRESET RECV',
      'HARDRESET reset SEND',
      'HARDRESET reset RECV',
    ])
    expect(scene.did()).toEqual(['nmi', 'reset'])
  },
)

scenario(
  'an interrupt whose answer is lost is not a refused one: the timer decides',
  { feeds: 2, kdump: { enabled: false } },
  async (scene) => {
    scene.model.setFaults({ loseReplies: 1 })
    const order = await scene.order()
    expect(await scene.ended(order)).toMatchObject({ result: 'REBOOT', grade: 'acknowledged' })
    expect(scene.did()).toEqual(['nmi', 'reset'])
    expect(await scene.after(order, 'reset')).toBeGreaterThanOrEqual(2500)
  },
)

scenario(
  'a notice that was heard just before, but is fresh no more, spares the interrupt alone',
  { feeds: 2, kdump: { dumpMs: 2700 } },
  async (scene) => {
    scene.os.panic()
    await scene.lab.until('the dump is over', 5000, () => scene.os.boots === 2)
    // Its rhythm was heard, so the notice is fresh for three seconds, and recent for twenty.
    await pause(4000)
    const order = await scene.order()
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'REBOOT', grade: 'acknowledged' })
    expect(scene.evidence(view)).toEqual([
      'bmc:@: no interrupt sent: a stop notice was just heard',
      'bmc:@: hard reset accepted',
    ])
    expect(scene.did()).toEqual(['reset'])
    expect(await scene.after(order, 'reset')).toBeGreaterThanOrEqual(2500)
  },
)
