// The nevers of the ladder (spec architecture.md) against random machines, faults and crashes. The judge is
// the simulated machine itself, never what a device said.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Plan } from '../../core/plan.ts'
import type { Shot } from '../../core/shot.ts'
import type { Crash } from './ladder-world.ts'
import type { BmcSetup, Fate, OutletSetup, RoomSetup } from './machine-room.ts'
import { FOR_EVER, PLAN, type Scene, setUp } from './scene.ts'

/** Ladders per property, and how many times fewer of them are guarded against mutation. */
const RUNS = 12_000
const FREEZES_ONE_IN = 8

const fates = (...usual: Fate[]) =>
  fc.array(fc.constantFrom<Fate>(...usual, 'does', 'does'), { maxLength: 3 })
const ALL: Fate[] = ['refuses', 'pretends', 'reply-lost', 'request-lost']
/** A command that the device says it took and did not is caught only where the rung looks again. */
const HONEST: Fate[] = ['refuses', 'reply-lost', 'request-lost']

const planArb: fc.Arbitrary<Plan> = fc
  .record({
    mode: fc.constantFrom<Plan['mode']>('ladder', 'ladder', 'ladder', 'soft', 'hard', 'pdu'),
    softMethod: fc.constantFrom<Plan['softMethod']>('nmi', 'nmi', 'none'),
    off: fc.boolean(),
    confirmed: fc.boolean(),
    hardResetAfterMs: fc.integer({ min: 10, max: 50 }).map((tenths) => tenths * 100),
    hardResetTimeoutMs: fc.constantFrom(5000, 10_000, 20_000),
    feeds: fc.constantFrom(0, 1, 2, 2),
    pduRecoveryWaitMs: fc.constantFrom(0, 5000, 10_000),
    holdUpMs: fc.constantFrom(0, 300, 1000),
  })
  .map(({ off, confirmed, feeds, ...rest }) => ({
    ...PLAN,
    ...rest,
    feeds: PLAN.feeds.slice(0, feeds),
    requireGrade: confirmed ? 'confirmed' : 'acknowledged',
    hardMethod: off || confirmed ? 'off-on' : 'reset',
  }))

const ms = (max: number) => fc.integer({ min: 0, max })
const frozenArb = fc
  .record({ from: fc.integer({ min: -10, max: 9000 }), forMs: ms(15_000), keeps: fc.boolean() })
  .map(({ from, forMs, keeps }) => ({ from: Math.max(0, from), until: from + forMs + 20, keeps }))

const bmcArb: fc.Arbitrary<BmcSetup> = fc.record({
  unreachable: fc.nat(7).map((n) => n === 0),
  latencyMs: fc.constantFrom(1, 10, 10, 120, 240),
  fates: fc.record({
    nmi: fates(...ALL),
    reset: fates(...HONEST),
    off: fates(...ALL),
    on: fates(...ALL),
  }),
  frozen: fc.array(frozenArb, { maxLength: 2 }),
  restarts: fc.array(
    fc.record({
      at: ms(12_000),
      bootMs: fc.integer({ min: 50, max: 4000 }),
      saysOffMs: ms(20_000),
    }),
    { maxLength: 2 },
  ),
  offTakesMs: ms(1200),
  bootMs: fc.constantFrom(500, 20_000, 60_000),
  sessionOpenedAt: fc.constantFrom(-3_600_000, -29_000, -500),
  givesUpMs: fc.constantFrom(undefined, undefined, 800, 3000),
  repeatsAfterMs: fc.constantFrom(undefined, 5, 400),
  opensInMs: fc.constantFrom(0, 0, 200),
  identity: fc.constant<BmcSetup['identity']>('proven'),
})

const outletArb: fc.Arbitrary<Omit<OutletSetup, 'pdu' | 'outlet'>> = fc.record({
  off: fates(...ALL),
  on: fates(...ALL),
  takesMs: fc.constantFrom(0, 100, 900, 3000),
  reads: fc.constantFrom<OutletSetup['reads']>(
    'truth',
    'truth',
    'truth',
    'truth',
    'silent',
    'unknown',
  ),
  silentFrom: fc.oneof(
    { weight: 4, arbitrary: fc.constant(FOR_EVER) },
    { weight: 1, arbitrary: ms(20_000) },
  ),
})

const crashArb: fc.Arbitrary<Crash> = fc.record({
  when: fc.oneof(
    fc.record({ writes: fc.integer({ min: 1, max: 14 }) }),
    fc.record({ ms: ms(30_000) }),
  ),
  left: fc.boolean(),
  downMs: fc.constantFrom(1, 300, 4000, 20_000),
  reboots: fc.boolean(),
})

interface World {
  plan: Plan
  bmc: BmcSetup
  outlets: Omit<OutletSetup, 'pdu' | 'outlet'>[]
  otherSupply: boolean
  state: 'on' | 'on-watched' | 'off' | 'off-watched' | 'dumping'
  loose: number | undefined
  capacitorShare: number
  kdumpMs: number | undefined
  dumpMs: number
  writeMs: number
  crashes: Crash[]
  freezes: boolean
}

const worldArb: fc.Arbitrary<World> = fc.record({
  plan: planArb,
  bmc: bmcArb,
  outlets: fc.tuple(outletArb, outletArb),
  otherSupply: fc.nat(5).map((n) => n === 0),
  state: fc.constantFrom<World['state']>(
    'on',
    'on-watched',
    'on-watched',
    'off',
    'off-watched',
    'dumping',
  ),
  loose: fc.option(ms(20_000), { nil: undefined, freq: 6 }),
  capacitorShare: fc.double({ min: 0, max: 0.99, noNaN: true }),
  kdumpMs: fc.option(ms(6000), { nil: undefined }),
  dumpMs: fc.constantFrom(200, 20_000),
  writeMs: fc.constantFrom(0, 0, 3, 60),
  crashes: fc.array(crashArb, { maxLength: 3 }),
  freezes: fc.nat(FREEZES_ONE_IN - 1).map((n) => n === 0),
})

function sceneOf(world: World): Scene {
  const { plan, state, loose, kdumpMs, dumpMs, writeMs, crashes, freezes } = world
  const cut = plan.feeds.length
  // A supply that no feed accounts for shows itself only by a BMC that answers after the cut.
  const otherSupply = cut === 0 || world.otherSupply
  const bmc = otherSupply && cut > 0 ? { ...world.bmc, frozen: [], restarts: [] } : world.bmc
  const off = state === 'off' || state === 'off-watched'
  const room: Partial<RoomSetup> = {
    outlets: plan.feeds.map(({ pdu, outlet }, index) => ({
      ...(world.outlets[index] ?? {
        off: [],
        on: [],
        takesMs: 0,
        reads: 'truth',
        silentFrom: FOR_EVER,
      }),
      pdu,
      outlet,
    })),
    otherSupply,
    capacitorMs: Math.floor(plan.holdUpMs * world.capacitorShare),
    kdumpMs,
    dumpMs,
    chassis: off ? 'off' : 'on',
    dumping: state === 'dumping',
    queued: loose === undefined ? [] : [{ at: loose, action: 'reset' }],
  }
  const watchedOff = { session: 1, sessionOpenedAt: bmc.sessionOpenedAt, since: -4000 }
  return {
    plan,
    bmc: otherSupply && cut > 0 ? { ...bmc, unreachable: false } : bmc,
    room,
    circumstances: {
      recentNotice: state === 'dumping',
      loose: loose !== undefined,
      ...(state === 'on-watched' ? { onSession: 1 } : {}),
      ...(state === 'off-watched' ? { watchedOff } : {}),
    },
    writeMs,
    crashes,
    freezes,
    limitMs: endsWithinMs(plan, crashes),
  }
}

/** Every wait of the ladder one after the other, begun anew after each crash. */
function endsWithinMs(plan: Plan, crashes: Crash[]): number {
  const look = 1000
  const off = plan.hardResetTimeoutMs + 3 * 10_000 + 32_000
  const pdu = 2 * (15_000 + plan.holdUpMs + 15_000)
  const on = plan.pduRecoveryWaitMs + 180_000 + 1000
  const once = look + plan.hardResetAfterMs + plan.hardResetTimeoutMs + 3000 + 2 * off + pdu + on
  return crashes.reduce((sum, { downMs }) => sum + downMs + once, once) + 31_000
}

/** Plays the scene and throws at the first moment at which a never happens. */
function judge(scene: Scene): void {
  const run = setUp(scene)
  const { room, time } = run
  const feeds = scene.plan?.feeds ?? []
  run.watch.concluding = ({ result, fenced, grade }) => {
    if (fenced !== (result !== 'FAIL')) throw new Error(`${result} with fenced ${fenced}`)
    if (fenced && !room.ended) throw new Error(`${result}, but the boot at acceptance still runs`)
    if (result === 'POFF' && !room.off) throw new Error('POFF, but there is power')
    if (fenced && grade !== 'confirmed' && scene.plan?.requireGrade === 'confirmed') {
      throw new Error(`${grade} where confirmed is required`)
    }
  }
  run.watch.sending = (shot: Shot) => {
    const recorded = run.journal.some(({ kind }) => kind === 'concluded')
    if ((shot.action === 'on') !== recorded) throw new Error(`${shot.action}, recorded ${recorded}`)
    if (scene.circumstances?.recentNotice && shot.action === 'nmi') {
      throw new Error('an interrupt while a dump is written')
    }
    if (scene.circumstances?.loose && (shot.action === 'nmi' || shot.action === 'reset')) {
      throw new Error(`${shot.action} while an earlier effect is loose`)
    }
    if (shot.rung !== 'on' || shot.device.kind === 'bmc') return
    const others = feeds.some(({ pdu, outlet }) => room.relay(pdu, outlet))
    const first = !room.sent.some((sent) => sent.shot.rung === 'on')
    if (first && others) throw new Error('on before every feed was off')
    const waitMs = scene.plan?.pduRecoveryWaitMs ?? 0
    if (time.now < (run.recordedAt ?? 0) + waitMs) throw new Error('on before the wait was over')
  }
  run.run()
  const limitMs = scene.limitMs ?? FOR_EVER
  if (run.endedAt === undefined) throw new Error(`still open after ${limitMs} ms`)
  expect(run.conclusions, 'conclusions').toHaveLength(1)
  for (const action of ['nmi', 'reset']) {
    const sent = room.sent.filter(({ shot }) => shot.action === action)
    expect(sent.length, action).toBeLessThanOrEqual(1)
  }
  const ids = room.sent.map(({ shot }) => shot.id)
  expect(new Set(ids).size, 'no shot leaves twice').toBe(ids.length)
  expect(run.ticks).toBeLessThan(run.endedAt / 200 + 50)
}

describe('whatever the machines do', () => {
  test('no never happens and every ladder ends, without a crash', () => {
    fc.assert(
      fc.property(worldArb, (world) => judge(sceneOf({ ...world, crashes: [] }))),
      { numRuns: RUNS },
    )
  }, 60_000)

  test('no never happens and every ladder ends, with crashes at any moment', () => {
    fc.assert(
      fc.property(worldArb, (world) => judge(sceneOf(world))),
      { numRuns: RUNS },
    )
  }, 60_000)

  test('every result is reached by some world', () => {
    const results = new Set<string>()
    for (const world of fc.sample(worldArb, { numRuns: 1000, seed: 1 })) {
      const { conclusion, recoveries } = setUp(sceneOf(world)).run()
      results.add(`${conclusion?.result} ${conclusion?.grade} ${recoveries.at(-1) ?? 'none'}`)
    }
    expect([...results].sort()).toEqual(
      expect.arrayContaining([
        'DUMP acknowledged none',
        'FAIL failed held',
        'FAIL unknown held',
        'POFF confirmed failed',
        'POFF confirmed held',
        'POFF confirmed none',
        'POFF confirmed partial',
        'POFF confirmed restored',
        'REBOOT acknowledged none',
      ]),
    )
  })
})
