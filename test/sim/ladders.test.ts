// A slice of the simulation: fresh worlds, the ones that have failed before, and proof that it finds what it is
// there to find. `npm run sim:soak` goes on from here.
import { randomInt } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { LADDER_BUGS } from './planted/ladders.ts'
import { NOTHING } from './planted.ts'
import { playFrom, tell } from './run.ts'
import { drawScenario } from './scenario.ts'
import { shrink } from './shrink.ts'
import { World } from './world.ts'

const FRESH_MS = 3000
/** Any change of an agent makes other worlds of the same seeds. */
const FINDS_WITHIN = 8
const given = Number(process.env['PALISADE_SIM_SEED'] ?? Number.NaN)
const SEED = Number.isSafeInteger(given) ? given : randomInt(1_000_000_000)

/** Seeds of worlds in which something was broken once, and what. */
const FAILED_BEFORE: readonly [number, string][] = [
  [2, 'a test stopped the guarded partner of a server that had just been reset'],
  [
    8,
    'an intent left beside its successor, and a reset while its guarded partner was being tested',
  ],
]

/** Worlds from here on find each planted bug; the first of them did when it was noted. */
const FINDS: Readonly<Record<string, number>> = {
  'no-sync': 1,
  'on-too-early': 1,
  'announces-too-early': 3,
  'forgets-loose': 1,
  'never-expires': 11,
  resends: 1,
  'stale-off': 1,
  'trusts-young-sessions': 2,
  'one-at-a-time': 8,
  'forgets-ids': 1,
}

test(`fresh worlds from seed ${SEED} break no promise`, async () => {
  const end = performance.now() + FRESH_MS
  const before = process.cpuUsage()
  console.log(`[sim] fresh worlds from seed ${SEED}`)
  const played = await playFrom(SEED, () => performance.now() > end)
  const { user, system } = process.cpuUsage(before)
  console.log(`[sim] ${tell(played, (user + system) / 1e6)}`)
  const { failed } = played
  const said = failed && `npm run sim -- --seed ${failed.seed} --ladders 1`
  expect(failed?.outcome.violation?.message, said).toBeUndefined()
  expect(played.faults).toBeGreaterThan(played.ladders)
})

test.each(FAILED_BEFORE)('world %i holds: %s', async (seed) => {
  const { violation } = await World.play(drawScenario(seed))
  expect(violation?.message).toBeUndefined()
})

test('the same seed is the same world, to the last event', async () => {
  const scenario = drawScenario(1)
  const [one, other] = [await World.play(scenario), await World.play(scenario)]
  expect(other.trace).toBe(one.trace)
  expect(one.ladders).toBeGreaterThan(10)
  const short = { ...scenario, asks: [], faults: [], endsAt: 5000 }
  const still = await World.play(short)
  expect(still.trace).not.toBe(one.trace)
  const fault = { at: 4000, kind: 'bmc-freezes', server: 'S1', forMs: 1500, keeps: true } as const
  expect((await World.play({ ...short, faults: [fault] })).trace).not.toBe(still.trace)
})

describe('planted', () => {
  test.each(Object.keys(LADDER_BUGS))('%s is found', async (name) => {
    const planted = LADDER_BUGS[name]
    const seed = FINDS[name]
    if (!planted || seed === undefined) throw new Error(`no seed is known that finds ${name}`)
    const { failed } = await playFrom(seed, ({ worlds }) => worlds >= FINDS_WITHIN, planted)
    expect(failed?.outcome.violation?.message).toBeDefined()
  })

  test('a failing world is made small, and still fails', async () => {
    const planted = LADDER_BUGS['stale-off'] ?? NOTHING
    const scenario = drawScenario(FINDS['stale-off'] ?? 0)
    const { violation } = await World.play(scenario, { planted })
    const small = await shrink(scenario, violation?.message ?? '', planted)
    expect(small.outcome.violation).toBeDefined()
    expect(small.scenario.asks.length + small.scenario.faults.length).toBeLessThan(6)
    expect(small.outcome.timeline.at(-1)).toContain('VIOLATION')
  })
})
