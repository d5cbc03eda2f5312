// A slice of `npm run sim:votes` and `npm run sim:planted`: fresh seeds, those that once failed, and each
// planted bug at a seed that finds it.
import { randomInt } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import { find } from './planted/find.ts'
import { MORE, TABLE } from './planted/weakenings.ts'
import { CORE_RULES } from './votes/rules.ts'
import { run } from './votes/run.ts'
import { PROFILES, type ProfileName } from './votes/storm.ts'

const FRESH_WITHIN_MS = 3000
const FRESH_SEEDS_MAX = 100
/** A change of the faults moves what a seed does: so many after it are tried as well. */
const SEEDS_NEARBY = 1500

const NAMES = Object.keys(PROFILES) as ProfileName[]
const FAILED_ONCE: readonly (readonly [ProfileName, number])[] = [
  ['mixed', 78],
  ['mixed', 1081],
  ['proofs', 204],
  ['roles', 15],
  ['roles', 105],
  ['roles', 246],
  ['roles', 467],
  ['roles', 810],
  ['roles', 2044],
  ['roles', 2453],
  ['roles', 21_089],
  ['roles', 21_826],
  ['roles', 317_092_912],
]

const first = randomInt(1_000_000_000)
let runs = 0

test.each(NAMES)('no fault of %s makes two active, and calm ones make one', (profile) => {
  const until = performance.now() + FRESH_WITHIN_MS / NAMES.length
  for (let seed = first; seed < first + FRESH_SEEDS_MAX; seed += 1) {
    const { violation } = run({ seed, profile, rules: CORE_RULES })
    expect(violation, `npm run sim:votes -- --profile ${profile} --seed ${seed}`).toBeUndefined()
    runs += 1
    if (performance.now() > until) return
  }
})

test.each(FAILED_ONCE)('%s %i, which once failed, holds', (profile, seed) => {
  expect(run({ seed, profile, rules: CORE_RULES }).violation).toBeUndefined()
})

test('the same seed gives the same run', () => {
  const stories = [1, 2].map(() => {
    const lines: string[] = []
    run({ seed: first, profile: 'mixed', rules: CORE_RULES, trace: (line) => lines.push(line) })
    return lines
  })
  expect(stories[0]).toEqual(stories[1])
  expect(stories[0]?.length).toBeGreaterThan(10)
})

describe('the simulation finds', () => {
  test.each([...TABLE, ...MORE].map((weakening) => [weakening.name, weakening] as const))(
    '%s',
    (_, weakening) => {
      let left = SEEDS_NEARBY
      const { outcome } = find(weakening, weakening.seed, () => left-- > 0)
      expect(outcome?.violation?.rule).toBe(weakening.breaks)
    },
  )
})

afterAll(() => console.log(`[sim] votes: ${runs} runs from seed ${first}`))
