// What a network can do to each kind of message between the agent and its devices: lost, late, doubled, overtaken.
// Whatever becomes of it, no effect is sent twice, and what is true is found out (spec architecture.md, "Never").
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { IpmiKind } from '../../peers/ipmi-eavesdropper.ts'
import { SnmpEavesdropper, type SnmpKind } from '../../peers/snmp-eavesdropper.ts'
import type { Passing } from '../../peers/udp-relay.ts'
import type { Machine } from '../lab-machines.ts'
import { RelayedLab } from '../relayed-lab.ts'
import type { Scene } from '../stage.ts'

// These mostly wait.
vi.setConfig({ maxConcurrency: 64 })

/** Copies of the nth datagram of its kind, by their delays. */
type Fate = (nth: number) => number[]

interface Attack {
  direction: Passing['direction']
  what: string
  fate: Fate
}

const ATTACKS: Attack[] = [
  { direction: 'reply', what: 'the first answer is lost', fate: (nth) => (nth === 1 ? [] : [0]) },
  { direction: 'reply', what: 'two answers are lost', fate: (nth) => (nth <= 2 ? [] : [0]) },
  { direction: 'reply', what: 'answers take 1.3 s', fate: () => [1300] },
  { direction: 'reply', what: 'answers come twice', fate: () => [0, 700] },
  { direction: 'reply', what: 'one is overtaken', fate: (nth) => (nth === 1 ? [4000] : [0]) },
  { direction: 'request', what: 'the first is lost', fate: (nth) => (nth === 1 ? [] : [0]) },
  { direction: 'request', what: 'questions take 0.6 s', fate: () => [600] },
]

const LOGIN: IpmiKind[] = ['open', 'rakp 1', 'rakp 3', 'privilege']
const BMC_KINDS: IpmiKind[] = ['presence', ...LOGIN, 'guid', 'status', 'control']
const PDU_KINDS: SnmpKind[] = ['get', 'set']

const NO_KDUMP: Machine['kdump'] = { enabled: false }
const bmcCases = BMC_KINDS.flatMap((kind) => ATTACKS.map((attack) => ({ kind, ...attack }))).map(
  (one, index) => ({ ...one, name: `B${index}` }),
)
const pduCases = PDU_KINDS.flatMap((kind) => ATTACKS.map((attack) => ({ kind, ...attack }))).map(
  (one, index) => ({ ...one, name: `P${index}` }),
)
const DELAYS = [600, 1500, 2500].map((delayMs) => ({ delayMs, name: `D${delayMs}` }))
const MACHINES: Machine[] = [
  ...bmcCases.map(({ name }, index) => ({
    name,
    cluster: name,
    feeds: 0 as const,
    kdump: NO_KDUMP,
    // Half of them have to be read off.
    requireGrade: index % 2 === 0 ? ('confirmed' as const) : ('acknowledged' as const),
  })),
  ...pduCases.map(({ name }) => ({
    name,
    cluster: name,
    feeds: 2 as const,
    ownPdus: true,
    kdump: NO_KDUMP,
  })),
  ...DELAYS.map(({ name }) => ({ name, cluster: name, feeds: 2 as const, kdump: NO_KDUMP })),
]

let relayed: RelayedLab
beforeAll(async () => {
  relayed = await RelayedLab.open(MACHINES)
}, 90_000)
afterAll(() => relayed?.close())

/** How often each effect that is no level reached the chassis. */
function executed(scene: Scene, action: 'nmi' | 'reset'): number {
  return scene.did().filter((what) => what === action).length
}

describe.concurrent('between agent and BMC', () => {
  test.each(bmcCases)('$kind, $direction: $what', async ({ kind, direction, fate, name }) => {
    const scene = relayed.scene(name)
    let nth = 0
    relayed.setRule(name, (passing) => {
      if (passing.kind !== kind || passing.direction !== direction) return [0]
      nth += 1
      return fate(nth)
    })
    // A login in the middle of the ladder, for what belongs to a login.
    if (kind !== 'status' && kind !== 'control') scene.model.bmc.restart()
    const view = await scene.ended(await scene.order())
    expect(view).toMatchObject({ fenced: true, status: 'complete' })
    expect(executed(scene, 'nmi')).toBeLessThanOrEqual(1)
    expect(executed(scene, 'reset')).toBeLessThanOrEqual(1)
  })
})

describe.concurrent('between agent and PDU', () => {
  test.each(pduCases)('$kind, $direction: $what', async ({ kind, direction, fate, name }) => {
    const scene = relayed.scene(name)
    const ear = new SnmpEavesdropper()
    let nth = 0
    relayed.pdu(scene.feeds[0]?.pdu ?? '').rule = (passing) => {
      if (ear.nameOf(passing) !== kind || passing.direction !== direction) return [0]
      nth += 1
      return fate(nth)
    }
    const order = await scene.order({ mode: 'pdu' })
    expect(await scene.decided(order)).toMatchObject({ result: 'POFF', fenced: true })
    expect(scene.model.railVolts).toBe(0)
    expect((await scene.ended(order)).recovery).toBe('restored')
  })
})

describe.concurrent('a BMC behind a forgotten supply', () => {
  test.each(DELAYS)('that takes $delayMs ms to answer is not silent', async ({ delayMs, name }) => {
    const scene = relayed.scene(name)
    const { pdu, outlet } = scene.feed(0)
    pdu.setOutletFaults(outlet, { welded: true })
    scene.model.setFaults({ refusesNmi: 0xd4, refusesReset: 0xd4, refusesOff: 0xd4 })
    relayed.setRule(name, ({ direction }) => (direction === 'reply' ? [delayMs] : [0]))
    const view = await scene.decided(await scene.order())
    expect(view).toMatchObject({ result: 'FAIL', fenced: false })
    expect(scene.os.state).toBe('running')
  })
})
