// The agent's process ends in the middle of a ladder and starts again, on the same boot of its machine or on
// another: it looks first, and gives no interrupt and no reset a second time (spec redundancy.md, "takeover").
// A restart hits every ladder of an agent, so each scenario has an agent of its own.
import { expect } from 'vitest'
import { pause } from '../site-on-lab.ts'
import { openStage, type Scene, type Sketch } from '../stage.ts'

const scenario = openStage()

const NO_KDUMP = { kdump: { enabled: false } }
const CUT = ['pdu-a off', 'pdu-b off']
const BACK = ['pdu-a on', 'pdu-b on']

async function restart({ lab }: Scene, bootId: string, goneMs = 0): Promise<void> {
  await lab.stopAgent()
  await pause(goneMs)
  await lab.startAgent(bootId)
}

async function reaches({ lab }: Scene, what: string, holds: () => boolean | Promise<boolean>) {
  await lab.until(what, 20_000, holds)
}

const got = (scene: Scene, what: string) =>
  reaches(scene, `${scene.name} got ${what}`, () => scene.did().includes(what))

const onEachBoot = (
  title: string,
  sketch: Sketch,
  play: (scene: Scene, bootId: string) => Promise<void>,
) => {
  for (const [boot, bootId] of [
    ['the same boot', 'boot-1'],
    ['another boot', 'boot-2'],
  ] as const) {
    scenario(`${title} (${boot})`, { ...sketch, alone: true }, (scene) => play(scene, bootId))
  }
}

onEachBoot(
  'after the interrupt: no second one, and the hard reset follows',
  { feeds: 1, ...NO_KDUMP },
  async (scene, bootId) => {
    const order = await scene.order()
    await got(scene, 'nmi')
    await restart(scene, bootId, 500)
    expect(await scene.ended(order)).toMatchObject({
      result: 'REBOOT',
      fenced: true,
      grade: 'acknowledged',
    })
    expect(scene.did()).toEqual(['nmi', 'reset'])
    if (bootId === 'boot-1') expect(await scene.after(order, 'reset')).toBeLessThan(4000)
  },
)

onEachBoot(
  'after the interrupt: the stop notice that comes later still completes',
  { feeds: 1, kdump: { delayMs: 1500 } },
  async (scene, bootId) => {
    const order = await scene.order()
    await got(scene, 'nmi')
    await restart(scene, bootId)
    expect(await scene.ended(order)).toMatchObject({ result: 'DUMP', grade: 'acknowledged' })
    expect(scene.did()).toEqual(['nmi'])
  },
)

onEachBoot(
  'with the hard reset unanswered: unknown, so off, read off, on',
  { feeds: 1, ...NO_KDUMP },
  async (scene, bootId) => {
    const order = await scene.order()
    await got(scene, 'nmi')
    scene.model.setFaults({ slowControlMs: 3000 })
    await got(scene, 'reset')
    await restart(scene, bootId)
    scene.model.setFaults({ slowControlMs: 0 })
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    expect(view.recovery).toBe('restored')
    expect(scene.did().slice(0, 3)).toEqual(['nmi', 'reset', expect.stringMatching(/ ?off$/)])
    expect(scene.did().filter((what) => what === 'nmi' || what === 'reset')).toHaveLength(2)
  },
)

onEachBoot(
  'with the hard reset sent to a BMC that hangs: the feeds, and what is queued dies with it',
  NO_KDUMP,
  async (scene, bootId) => {
    scene.model.setFaults({ hang: true })
    const order = await scene.order()
    await reaches(scene, 'the hard reset is on its way', async () =>
      (await scene.lab.recordsOf(order)).some(
        (record) => record.kind === 'intent' && record.shot.rung === 'hard',
      ),
    )
    await restart(scene, bootId)
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'POFF', grade: 'confirmed', recovery: 'restored' })
    expect(scene.did()).toEqual([...CUT, ...BACK])
  },
)

onEachBoot(
  'between the cut and its proof: looked at, not cut again',
  NO_KDUMP,
  async (scene, bootId) => {
    for (const index of [0, 1]) {
      const { pdu, outlet } = scene.feed(index)
      pdu.setOutletFaults(outlet, { slowMs: 1500 })
    }
    const order = await scene.order({ mode: 'pdu' })
    await got(scene, 'pdu-b off')
    await restart(scene, bootId)
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'POFF', grade: 'confirmed', recovery: 'restored' })
    expect(scene.did()).toEqual([...CUT, ...BACK])
  },
)

onEachBoot(
  'during the hold-up: held up again and proven',
  { ...NO_KDUMP, site: { holdUpMs: 3000 } },
  async (scene, bootId) => {
    const order = await scene.order({ mode: 'pdu' })
    await got(scene, 'pdu-b off')
    await pause(1000)
    await restart(scene, bootId)
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'POFF', grade: 'confirmed', recovery: 'restored' })
    expect(scene.did()).toEqual([...CUT, ...BACK])
  },
)

onEachBoot(
  'during the recovery wait: one result, and power comes back once the wait is over',
  NO_KDUMP,
  async (scene, bootId) => {
    const before = scene.os.bootId
    const order = await scene.order({ mode: 'pdu' })
    expect(await scene.decided(order)).toMatchObject({ result: 'POFF' })
    await pause(2000)
    await restart(scene, bootId)
    expect(scene.did()).toEqual(CUT)
    expect(await scene.ended(order)).toMatchObject({ recovery: 'restored' })
    expect(scene.did()).toEqual([...CUT, ...BACK])
    expect(scene.at('pdu-a on') - scene.at('pdu-a off')).toBeGreaterThanOrEqual(6000)
    await scene.boots(before)
  },
)

onEachBoot(
  'while power comes back: looked at, and on is not given twice',
  NO_KDUMP,
  async (scene, bootId) => {
    const before = scene.os.bootId
    const order = await scene.order({ mode: 'pdu' })
    expect(await scene.decided(order)).toMatchObject({ result: 'POFF' })
    for (const index of [0, 1]) {
      const { pdu, outlet } = scene.feed(index)
      pdu.setOutletFaults(outlet, { slowMs: 1000 })
    }
    await got(scene, 'pdu-b on')
    await restart(scene, bootId)
    expect(await scene.ended(order)).toMatchObject({ recovery: 'restored' })
    expect(scene.did()).toEqual([...CUT, ...BACK])
    await scene.boots(before)
  },
)

onEachBoot(
  'during off and on by the BMC: it is read off and comes back',
  { feeds: 0, requireGrade: 'confirmed', ...NO_KDUMP },
  async (scene, bootId) => {
    const before = scene.os.bootId
    const order = await scene.order({ mode: 'hard' })
    await got(scene, 'off')
    await restart(scene, bootId)
    const view = await scene.ended(order)
    expect(view).toMatchObject({ result: 'POFF', grade: 'confirmed', recovery: 'restored' })
    expect(scene.did().filter((what) => what === 'off').length).toBeLessThanOrEqual(2)
    await scene.boots(before)
  },
)

onEachBoot(
  'while a dump is spared: it still is, and HARD comes at its time',
  { feeds: 1, kdump: { dumpMs: 2700 } },
  async (scene, bootId) => {
    scene.os.panic()
    await reaches(scene, 'the dump is over', () => scene.os.boots === 2)
    // Its rhythm was heard, so the notice is fresh for three seconds, and recent for twenty.
    await pause(4000)
    const order = await scene.order()
    await pause(500)
    await restart(scene, bootId)
    expect(await scene.ended(order)).toMatchObject({ result: 'REBOOT', grade: 'acknowledged' })
    expect(scene.did()).toEqual(['reset'])
  },
)

scenario(
  'after a failed reset: what is under way keeps the partner closed over a restart',
  { alone: true, feeds: 0, site: { pairGuard: true }, partner: {}, ...NO_KDUMP },
  async (scene) => {
    const other = scene.partner()
    scene.model.setFaults({ hang: true })
    expect(await scene.ended(await scene.order())).toMatchObject({ result: 'FAIL' })
    await restart(scene, 'boot-1')
    await scene.lab.observed(other.name, 'power', 'pon')
    const early = await scene.lab.view(await other.order())
    expect(early).toMatchObject({ code: 'pair-guard' })
    expect(early.detail).toContain('may still be hit')
    scene.model.setFaults({ hang: false })
    await got(scene, 'reset')
    await pause(3000)
    const late = await scene.lab.view(await other.order())
    expect(late).toMatchObject({ code: 'pair-guard' })
    expect(late.detail).toContain('was stopped')
    expect(other.did()).toEqual([])
  },
)

scenario(
  'after a failed reset that acted late: the guard holds over a restart',
  { alone: true, feeds: 0, site: { pairGuard: true }, partner: {}, ...NO_KDUMP },
  async (scene) => {
    const other = scene.partner()
    scene.model.setFaults({ hang: true })
    const order = await scene.order()
    expect(await scene.ended(order)).toMatchObject({ result: 'FAIL' })
    scene.model.setFaults({ hang: false })
    await reaches(scene, 'the late answer is recorded', async () =>
      (await scene.lab.recordsOf(order)).some(
        (record) => record.kind === 'answer' && record.answer === 'accepted' && record.shot === 2,
      ),
    )
    await restart(scene, 'boot-1')
    const view = await scene.lab.view(await other.order())
    expect(view).toMatchObject({ code: 'pair-guard' })
    expect(view.detail).toContain('was stopped')
    expect(other.did()).toEqual([])
  },
)

scenario(
  'after a completed reset: the guard holds over a restart',
  { alone: true, feeds: 0, site: { pairGuard: true }, partner: {}, ...NO_KDUMP },
  async (scene) => {
    const other = scene.partner()
    expect(await scene.ended(await scene.order())).toMatchObject({ result: 'REBOOT' })
    await restart(scene, 'boot-2')
    const view = await scene.lab.view(await other.order())
    expect(view).toMatchObject({ code: 'pair-guard', result: 'FAIL' })
    expect(other.did()).toEqual([])
  },
)
