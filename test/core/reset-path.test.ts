// Whether a reset would work at this moment, and by when (spec domain.md §6).
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Plan } from '../../core/plan.ts'
import { checkResetPath, type PathFacts } from '../../core/reset-path.ts'
import type { Fate } from './machine-room.ts'
import { OUTLET, PLAN, play, SILENT, WATCHED_ON } from './scene.ts'

const READY: PathFacts = {
  bmc: { link: 'OK' },
  identity: 'proven',
  pdu: () => ({ link: 'OK' }),
  outlet: () => 'on',
  wiringProven: true,
  loose: false,
  seenToWork: true,
  redundancyLost: [],
}

const check = (facts: Partial<PathFacts> = {}, plan: Partial<Plan> = {}) =>
  checkResetPath({ ...PLAN, ...plan }, { ...READY, ...facts })
const readyRungs = (...of: Parameters<typeof check>) =>
  check(...of).rungs.flatMap(({ rung, ready }) => (ready ? [rung] : []))
const codes = (problems: readonly { code: string }[]) => problems.map(({ code }) => code)

test('with everything in reach a reset works by every rung of its plan', () => {
  expect(check()).toMatchObject({ resettable: true, redundant: true, problems: [], warnings: [] })
  expect(readyRungs()).toEqual(['soft', 'hard', 'pdu'])
  expect(readyRungs({}, { feeds: [] })).toEqual(['soft', 'hard', 'off'])
  expect(readyRungs({}, { softMethod: 'none' })).toEqual(['hard', 'pdu'])
  expect(readyRungs({}, { hardMethod: 'off-on' })).toEqual(['soft', 'off', 'pdu'])
  expect(readyRungs({ loose: true })).toEqual(['off', 'pdu'])
})

describe('a reset would not work, and the reason names what to look at', () => {
  test('without an active agent, by no rung', () => {
    const seen = check({ inactive: 'no agent is connected' })
    expect(seen).toMatchObject({ resettable: false, worstMs: null })
    expect(seen.problems).toEqual([
      { code: 'no-active-agent', subject: 'PSERVER1', detail: 'no agent is connected' },
    ])
    expect(seen.rungs.some(({ ready }) => ready)).toBe(false)
  })

  test('with its BMC out of reach; the feeds are still there', () => {
    const facts = { bmc: { link: 'NG' as const, detail: 'no answer for 3 s' } }
    expect(check(facts).problems).toEqual([
      {
        code: 'bmc-unreachable',
        subject: 'PSERVER1',
        detail: 'the BMC does not answer: no answer for 3 s',
      },
    ])
    expect(check(facts).resettable).toBe(false)
    expect(readyRungs(facts)).toEqual(['pdu'])
  })

  test('with one PDU of two out of reach: half of its feeds are no rung', () => {
    const pdu = (name: string) => ({ link: name === 'b' ? ('--' as const) : ('OK' as const) })
    expect(check({ pdu }).problems).toEqual([
      { code: 'pdu-unreachable', subject: 'b', detail: 'PDU b is not connected' },
    ])
    expect(check({ pdu }).resettable).toBe(false)
    expect(readyRungs({ pdu })).toEqual(['soft', 'hard'])
  })

  test('with another machine behind the address of its BMC', () => {
    const seen = check({ identity: 'mismatch' })
    expect(codes(seen.problems)).toEqual(['identity-mismatch'])
    expect(readyRungs({ identity: 'mismatch' })).toEqual(['pdu'])
  })
})

test('lost redundancy leaves it resettable and is told with its reason', () => {
  const lost = [{ code: 'standby-missing', subject: 'HACON2', detail: 'HACON2 is not connected' }]
  const seen = check({ redundancyLost: lost })
  expect(seen).toMatchObject({ resettable: true, redundant: false, problems: lost })
})

test('what makes it less sure is a warning and keeps nothing from being reset', () => {
  const seen = check({
    identity: 'unproven',
    wiringProven: false,
    loose: true,
    seenToWork: false,
    outlet: (_pdu, outlet) => (outlet === 3 ? 'off' : 'on'),
  })
  expect(seen.resettable).toBe(true)
  expect(codes(seen.warnings)).toEqual([
    'identity-unproven',
    'outlet-not-on',
    'outlet-not-on',
    'wiring-unproven',
    'loose-effect',
    'never-seen-to-work',
  ])
  expect(codes(check({ outlet: () => 'unknown' }).warnings)).toEqual([
    'outlet-not-on',
    'outlet-not-on',
  ])
})

test('without PDU control nothing is said of wiring and outlets', () => {
  expect(check({ wiringProven: false, outlet: () => 'off' }, { feeds: [] }).warnings).toEqual([])
})

describe('the time at worst', () => {
  test('leaves out what has no way to its device', () => {
    const { worstMs } = check()
    const cutOnly = check({ bmc: { link: 'NG' } }).worstMs
    expect(Number(worstMs) - Number(cutOnly)).toBe(PLAN.hardResetAfterMs + PLAN.hardResetTimeoutMs)
  })

  test('no ladder takes longer, whatever becomes of its commands', () => {
    const fate = fc.constantFrom<Fate>('does', 'refuses', 'pretends', 'reply-lost', 'request-lost')
    const fates = fc.array(fate, { minLength: 1, maxLength: 3 })
    const world = fc.record({
      silent: fc.boolean(),
      kdumpMs: fc.constantFrom(undefined, 400),
      latencyMs: fc.constantFrom(1, 300, 900),
      off: fates,
      hard: fates,
      outlet: fc.record({ off: fates, takesMs: fc.constantFrom(0, 900, 3000) }),
      plan: fc.record({
        feeds: fc.constantFrom(PLAN.feeds, []),
        softMethod: fc.constantFrom<Plan['softMethod']>('nmi', 'none'),
        hardMethod: fc.constantFrom<Plan['hardMethod']>('reset', 'off-on'),
        hardResetTimeoutMs: fc.constantFrom(5000, 20_000),
        holdUpMs: fc.constantFrom(0, 1000, 10_000),
      }),
    })
    fc.assert(
      fc.property(world, ({ silent, kdumpMs, latencyMs, off, hard, outlet, plan }) => {
        const outlets = (plan.feeds ?? []).map((feed) => ({ ...OUTLET, ...feed, ...outlet }))
        const run = play({
          plan,
          bmc: silent ? SILENT : { latencyMs, fates: { off, reset: hard } },
          room: { kdumpMs: silent ? undefined : kdumpMs, outlets },
          circumstances: WATCHED_ON,
        })
        const [concluded] = run.conclusions
        expect(concluded?.at).toBeLessThanOrEqual(Number(check({}, plan).worstMs))
      }),
      { numRuns: 400 },
    )
  })
})
