// When "off" is proof, and when it is not (spec domain.md §3): settled sessions, two reads, silence after a cut.
// These play for as long as a BMC session needs to settle, all at the same time.
import { expect } from 'vitest'
import { nodeClock } from '../../../runtime/node.ts'
import { pause } from '../site-on-lab.ts'
import { openStage, type Scene, stepsOf } from '../stage.ts'

const scenario = openStage()

async function systemOff(scene: Scene): Promise<number | undefined> {
  const name = `${scene.name}/${scene.number}`
  const states = await scene.lab.observations(name, 'state')
  const off = states.find(({ value }) => value === 'poff')
  return off && Date.parse(off.readAt)
}

const SETTLED_MS = 30_000
/** Time for a second read of the watch, a second after the first. */
const READ_AGAIN_MS = 2500

scenario(
  'a server found off by two reads of a settled session is answered POFF without an act',
  { feeds: 2 },
  async (scene) => {
    scene.os.shutDown()
    await scene.lab.observed(scene.name, 'power', 'poff')
    await scene.settledSession()
    const order = await scene.order()
    const view = await scene.ended(order)
    expect(view).toMatchObject({
      result: 'POFF',
      fenced: true,
      grade: 'confirmed',
      recovery: 'none',
    })
    expect(stepsOf(view)).toEqual(['RM-RESET RECV', 'RM-RESET POFF SEND'])
    expect(scene.evidence(view)).toEqual([
      'bmc:@: power was off already, read again after the request',
    ])
    expect(scene.did()).toEqual([])
    expect(scene.model.railVolts).toBe(0)
  },
)

scenario(
  'a server found off in a young session is not taken at its word: the ladder runs',
  { feeds: 0 },
  async (scene) => {
    scene.os.shutDown()
    await scene.lab.observed(scene.name, 'power', 'poff')
    await pause(READ_AGAIN_MS)
    const view = await scene.ended(await scene.order())
    expect(view).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    expect(scene.did()).toEqual(['nmi refused', 'reset refused', 'off', 'on'])
  },
)

scenario(
  'an off that nobody asked for is shown at once and becomes the state only when proven',
  { feeds: 2 },
  async (scene) => {
    await scene.lab.until('it is late enough to tell', 60_000, () => {
      return nodeClock.now() - scene.lab.openedAt > 10_000
    })
    const openedAt = nodeClock.wallMs() - (nodeClock.now() - scene.lab.openedAt)
    scene.os.shutDown()
    await scene.lab.observed(scene.name, 'power', 'poff')
    expect(await systemOff(scene)).toBeUndefined()
    await scene.lab.observed(`${scene.name}/${scene.number}`, 'state', 'poff', 40_000)
    expect((await systemOff(scene)) ?? 0).toBeGreaterThanOrEqual(openedAt + SETTLED_MS)
    scene.model.powerOn()
    await scene.lab.observed(scene.name, 'power', 'pon')
    expect((await scene.systemStates()).at(-1)).not.toBe('poff')
  },
)

scenario(
  'a BMC that says off after its restart never makes a running system poff',
  { feeds: 2 },
  async (scene) => {
    scene.model.setFaults({ saysOffAfterRestartMs: 20_000 })
    scene.model.bmc.restart()
    await scene.lab.observed(scene.name, 'power', 'poff', 30_000)
    await scene.lab.observed(scene.name, 'power', 'pon', 40_000)
    expect(await scene.systemStates()).not.toContain('poff')
    expect(scene.os.state).toBe('running')
  },
)

scenario(
  'a reset of a running server whose restarted BMC says off runs the whole ladder',
  { feeds: 0, kdump: { enabled: false }, site: { hardMethod: 'reset' } },
  async (scene) => {
    const { bootId } = scene.os
    scene.model.setFaults({ saysOffAfterRestartMs: 60_000 })
    scene.model.bmc.restart()
    await scene.lab.observed(scene.name, 'power', 'poff', 30_000)
    await pause(READ_AGAIN_MS)
    const view = await scene.ended(await scene.order())
    expect(view).toMatchObject({ result: 'REBOOT', fenced: true, grade: 'acknowledged' })
    expect(scene.did()).toEqual(['nmi', 'reset'])
    await scene.boots(bootId)
  },
)

scenario(
  'off by a BMC that says off anyway is proven by the feeds',
  { feeds: 2, requireGrade: 'confirmed', kdump: { enabled: false } },
  async (scene) => {
    scene.model.setFaults({ saysOffAfterRestartMs: 60_000, acceptsAndDoesNothing: ['off'] })
    scene.model.bmc.restart()
    await scene.lab.observed(scene.name, 'power', 'poff', 30_000)
    const order = await scene.order()
    const view = await scene.decided(order)
    expect(view).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    expect(scene.model.railVolts).toBe(0)
    expect(scene.did()).toEqual(['nmi', 'off', 'pdu-a off', 'pdu-b off'])
  },
)

scenario(
  'where no feed can prove it, off is waited for until the session has settled',
  { feeds: 0, requireGrade: 'confirmed', kdump: { enabled: false } },
  async (scene) => {
    scene.model.setFaults({ saysOffAfterRestartMs: 5000 })
    scene.model.bmc.restart()
    await scene.lab.observed(scene.name, 'power', 'poff', 30_000)
    const order = await scene.order({ mode: 'hard' })
    const view = await scene.ended(order, 60_000)
    expect(view).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    expect(view.recovery).toBe('restored')
    expect(scene.did()).toEqual(['off', 'on'])
  },
)

scenario(
  'a server whose outlets are all off already is answered POFF without a shot, once that is proven',
  { feeds: 2 },
  async (scene) => {
    for (const index of [0, 1]) {
      const { pdu, outlet } = scene.feed(index)
      pdu.order(outlet, 'off')
    }
    await scene.lab.observed(`${scene.feeds[0]?.pdu}/${scene.feeds[0]?.outlet}`, 'state', 'Disable')
    await scene.lab.observed(`${scene.feeds[1]?.pdu}/${scene.feeds[1]?.outlet}`, 'state', 'Disable')
    const before = scene.did()
    const view = await scene.ended(await scene.order())
    expect(view).toMatchObject({ result: 'POFF', fenced: true, grade: 'confirmed' })
    expect(stepsOf(view)).toEqual(['RM-RESET RECV', 'RM-RESET POFF SEND'])
    expect(scene.did()).toEqual(before)
    expect(scene.model.railVolts).toBe(0)
  },
)

scenario(
  'outlets that read off already, with the server alive behind them, start the ladder',
  { feeds: 1 },
  async (scene) => {
    const { pdu, outlet } = scene.feed(0)
    pdu.setOutletFaults(outlet, { welded: true })
    pdu.order(outlet, 'off')
    await scene.lab.observed(`${pdu.name}/${outlet}`, 'state', 'Disable')
    const view = await scene.ended(await scene.order())
    expect(view).toMatchObject({ result: 'DUMP', fenced: true, grade: 'acknowledged' })
    expect(scene.did()).toEqual(['pdu-a off', 'nmi'])
  },
)

scenario(
  'an off told without identity answers no request and is no state',
  { feeds: 0 },
  async (scene) => {
    scene.model.setFaults({ zeroGuid: true })
    scene.model.bmc.restart()
    await scene.lab.observed(scene.name, 'identity', 'unproven')
    scene.os.shutDown()
    await pause(SETTLED_MS + 5000)
    expect((await scene.systemStates()).at(-1)).not.toBe('poff')
    const view = await scene.ended(await scene.order())
    expect(view).toMatchObject({ result: 'POFF', grade: 'confirmed' })
    expect(scene.did()).toEqual(['nmi refused', 'reset refused', 'off', 'on'])
  },
)
