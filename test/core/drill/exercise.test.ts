import { describe, expect, test } from 'vitest'
import {
  decideExercise,
  type ExerciseQuestion,
  type ExerciseSettings,
  type ExerciseTest,
} from '../../../core/drill/exercise.ts'
import type { SiteHealth } from '../../../core/drill/health.ts'
import { openPduTest } from '../../../core/drill/pdu-step.ts'
import type { FeedFinding, OperationEnding } from '../../../core/operation.ts'
import type { SiteDocument } from '../../../core/site.ts'
import { DrillWorld, SERIAL, type WorldSetup } from './drill-world.ts'

const both = (outlet: number) => [
  { pdu: 'pdu-a', outlet },
  { pdu: 'pdu-b', outlet },
]
const system = (number: number, server: string) => ({ number, server })

function site(changes: Partial<Record<keyof SiteDocument['spec'], unknown>> = {}): SiteDocument {
  const spec = {
    managementServers: [
      { name: 'M1', bmc: {}, feeds: both(8) },
      { name: 'M2', bmc: {}, feeds: both(9) },
    ],
    servers: [
      { name: 'S1', pduControl: true, feeds: both(1) },
      { name: 'S2', pduControl: true, feeds: both(2) },
    ],
    clusters: [{ name: 'db', systems: [system(1, 'S1'), system(2, 'S2')] }],
    ...changes,
  }
  return { metadata: { name: 'x' }, spec } as unknown as SiteDocument
}

const GOOD = { power: 'pon', bmc: 'OK', pdu: 'OK', openReset: false }
const healthy: SiteHealth = { server: () => GOOD, system: () => 'normal' }
const SETTINGS: ExerciseSettings = { offTimeS: 5, waitTimeS: 5, trustUnregistered: false }

function decide(changes: Partial<ExerciseQuestion> = {}) {
  const question = { site: site(), health: healthy, agents: ['M1'], tests: [], settings: SETTINGS }
  return decideExercise({ ...question, ...changes })
}

const findings = (outlet: number, verdict: FeedFinding['verdict'] = 'right'): FeedFinding[] =>
  both(outlet).map((feed) => ({ ...feed, verdict }))

const passed = (server: string, outlet: number): ExerciseTest => ({
  id: `opr_${server}`,
  server,
  status: 'done',
  code: null,
  detail: '',
  feeds: findings(outlet),
  cut: true,
})
const ended = (server: string, changes: Partial<ExerciseTest>): ExerciseTest => ({
  ...passed(server, 1),
  status: 'failed',
  feeds: [],
  ...changes,
})
const ALL_SERVERS = [passed('S1', 1), passed('S2', 2)]

const told = ({ machines }: ReturnType<typeof decide>) =>
  machines.map(({ name, status, code }) => `${name} ${status}${code === null ? '' : ` ${code}`}`)

describe('what is next', () => {
  test('servers come first, one at a time, then the management servers that can be tested', () => {
    const first = decide()
    expect(first.status).toBe('planned')
    expect(first.next).toEqual({ server: 'S1', class: 'P' })
    expect(told(first)).toEqual([
      'S1 waiting',
      'S2 waiting',
      'M1 not-tested own-management-server',
      'M2 waiting',
    ])
    const busy = decide({ tests: [ended('S1', { status: 'running', cut: true })] })
    expect([busy.status, busy.next]).toEqual(['running', undefined])
    expect(decide({ tests: [passed('S1', 1)] }).next?.server).toBe('S2')
    expect(decide({ tests: ALL_SERVERS }).next).toEqual({ server: 'M2', class: 'M' })
  })

  test('about how long it takes is known up front', () => {
    const twoServers = 2 * (5 + 2 * (5 + 3) + 5)
    expect(decide().leftS).toBe(twoServers + 5 + 2 * (30 + 3) + 5)
    expect(decide({ tests: [...ALL_SERVERS, passed('M2', 9)] }).leftS).toBe(0)
  })

  test.each([
    ['a single feed', { servers: [{ name: 'S1', feeds: [both(1)[0]] }] }, 'too-few-feeds'],
    [
      'no other system',
      { clusters: [{ name: 'db', systems: [system(1, 'S1')] }] },
      'no-healthy-partner',
    ],
    [
      'other systems on the same server alone',
      { clusters: [{ name: 'db', systems: [system(1, 'S1'), system(3, 'S1')] }] },
      'no-healthy-partner',
    ],
  ])('a server with %s is left out', (_, changes, code) => {
    const [first] = decide({ site: site(changes) }).machines
    expect(first).toMatchObject({ name: 'S1', status: 'not-tested', code })
  })

  test('a server without feeds uses no outlet, and a site without any passes nothing', () => {
    const none = site({ servers: [{ name: 'S1', feeds: [] }], managementServers: [] })
    expect(decide({ site: none })).toMatchObject({ status: 'incomplete', code: 'no-outlets' })
  })

  test('a management server without a BMC is left out: nobody would log the losses', () => {
    const managementServers = [
      { name: 'M2', feeds: both(9) },
      { name: 'M1', feeds: [] },
    ]
    const { machines } = decide({ site: site({ managementServers }) })
    expect(machines.at(-1)).toMatchObject({ name: 'M2', status: 'not-tested', code: 'no-bmc' })
  })

  test('no management server has a turn while no agent is there', () => {
    const { machines } = decide({ agents: [] })
    expect(machines.slice(2).map(({ code }) => code)).toEqual([
      'no-agent-connected',
      'no-agent-connected',
    ])
  })

  test('either management server may be tested while both agents are there', () => {
    const both = decide({ agents: ['M1', 'M2'], tests: ALL_SERVERS })
    expect(told(both).slice(2)).toEqual(['M1 waiting', 'M2 waiting'])
  })
})

describe('a server is spared while its cluster has no other healthy system', () => {
  const but = (changes: object, state = 'normal'): SiteHealth => ({
    server: (name) => (name === 'S2' ? { ...GOOD, ...changes } : GOOD),
    system: (_, number) => (number === 2 ? state : 'normal'),
  })

  test.each([
    ['2 on S2 is in state dump', but({}, 'dump')],
    ['2 on S2 is in state not known', but({}, 'not known')],
    ['2 on S2 is not registered', but({}, '----')],
    ['the BMC link of S2 is NG', but({ bmc: 'NG' })],
    ['the BMC link of S2 is --', but({ bmc: '--' })],
    ['the PDU link of S2 is NG', but({ pdu: 'NG' })],
    ['2 on S2 is under an open reset', but({ openReset: true })],
  ])('%s', (why, health) => {
    const decided = decide({ health })
    const [first] = decided.machines
    expect(first).toMatchObject({ name: 'S1', status: 'not-tested', code: 'no-healthy-partner' })
    expect(first?.detail).toContain(why)
  })

  test('one that is not registered counts on the word of the operator, while its server is on', () => {
    const settings = { ...SETTINGS, trustUnregistered: true }
    expect(decide({ health: but({}, '----'), settings }).next?.server).toBe('S1')
    const off = decide({ health: but({ power: 'poff' }, '----'), settings })
    expect(off.machines[0]).toMatchObject({ code: 'no-healthy-partner' })
  })

  test('a server without PDU control has no PDU that could be lost', () => {
    const servers = [
      { name: 'S1', pduControl: true, feeds: both(1) },
      { name: 'S2', pduControl: false, feeds: [] },
    ]
    expect(decide({ site: site({ servers }), health: but({ pdu: '--' }) }).next?.server).toBe('S1')
  })

  test('every cluster of the server counts', () => {
    const clusters = [
      { name: 'db', systems: [system(1, 'S1'), system(2, 'S2')] },
      { name: 'web', systems: [system(5, 'S1')] },
    ]
    const [first] = decide({ site: site({ clusters }) }).machines
    expect(first?.detail).toContain(
      'cluster web has no other healthy system: it has no other system',
    )
  })

  test('whose turn was passed over gets it later, in the same exercise', () => {
    const skipped = decide({ health: but({}, 'dump') })
    expect(skipped.next?.server).toBe('S2')
    const after = decide({ tests: [passed('S2', 2)] })
    expect(after.next?.server).toBe('S1')
  })
})

describe('the verdict', () => {
  const only = site({ managementServers: [] })

  test('passed: every used outlet was lost and came back', () => {
    expect(decide({ site: only, tests: ALL_SERVERS })).toMatchObject({ status: 'passed', leftS: 0 })
  })

  test('what could not be tested does not pass', () => {
    const decided = decide({ tests: [...ALL_SERVERS, passed('M2', 9)] })
    expect(decided).toMatchObject({ status: 'incomplete', code: 'not-tested' })
    expect(decided.detail).toBe('3 of 4 machines passed, 0 failed, 1 not tested')
  })

  test('a test whose feeds were changed since did not test them', () => {
    const decided = decide({ site: only, tests: [passed('S1', 1), passed('S2', 7)] })
    expect(decided.status).toBe('failed')
    expect(decided.machines[1]?.outlets.map(({ verdict }) => verdict)).toEqual([
      'not-tested',
      'not-tested',
    ])
  })

  test.each(['mis-cabled', 'not-logged', 'supply-not-reached'])('%s fails and goes on', (code) => {
    const tests = [ended('S1', { code })]
    expect(decide({ site: only, tests }).next?.server).toBe('S2')
    expect(decide({ site: only, tests: [...tests, passed('S2', 2)] }).status).toBe('failed')
  })

  test('what the agent refused before any cut fails and goes on', () => {
    const tests = [ended('S1', { code: 'link-down', cut: false })]
    expect(decide({ site: only, tests }).next?.server).toBe('S2')
  })

  test.each([
    ['not-back', { code: 'not-back', feeds: findings(1, 'not-back') }],
    ['test-aborted', { status: 'aborted', code: null, detail: 'a reset of S1 was asked for' }],
    ['outlet-not-on', { code: 'outlet-not-on' }],
    ['server-off', { code: 'server-off' }],
    ['order-expired', { code: 'order-expired', cut: false }],
  ] as const)('%s stops it for good', (code, changes) => {
    const decided = decide({ tests: [ended('S1', changes)] })
    expect(decided).toMatchObject({ status: 'stopped', code, leftS: 0 })
    expect(decided.next).toBeUndefined()
    expect(told(decided)).toContain('S2 not-tested stopped')
  })

  test('of an unknown ending nothing follows but waiting', () => {
    const decided = decide({ tests: [ended('S1', { status: 'unknown', code: null })] })
    expect([decided.status, decided.next]).toEqual(['unknown', undefined])
  })
})

/** Plays an exercise of S1 and S2 to its end as whoever drives it does, under a virtual clock. */
function exercise(setup: WorldSetup, during?: (world: DrillWorld, server: string) => void) {
  const world = new DrillWorld(setup)
  const small = site({ managementServers: [], servers: serversOf(world) })
  const tests: ExerciseTest[] = []
  for (;;) {
    const decided = decide({ site: small, tests })
    if (!decided.next)
      return { world, decided, tookS: (world.clock.now() - world.startedAt) / 1000 }
    const { server } = decided.next
    during?.(world, server)
    const others = ['S1', 'S2'].filter((name) => name !== server)
    const plan = { order: `opr_${server}`, server, class: 'P' as const, settings: SERIAL }
    const feeds = world.feedsOf(server)
    const opened = openPduTest({ ...plan, feeds, holdUpMs: 1000, others }, world.moment)
    tests.push(testOf(server, world.run(opened), world))
  }
}

const serversOf = (world: DrillWorld) =>
  ['S1', 'S2'].map((name) => ({ name, pduControl: true, feeds: world.feedsOf(name) }))

function testOf(server: string, ending: OperationEnding, world: DrillWorld): ExerciseTest {
  const { status, code = null, detail, feeds = [] } = ending
  return { id: `opr_${server}`, server, status, code, detail, feeds, cut: world.fired.length > 0 }
}

describe('against the machines of the lab', () => {
  test('every outlet is cut once, and about as long as was said', () => {
    const { world, decided, tookS } = exercise({})
    expect(decided.status).toBe('passed')
    expect(world.switched).toEqual(
      ['pdu-a', 'pdu-b', 'pdu-a', 'pdu-b'].flatMap((pdu) => [`${pdu} off`, `${pdu} on`]),
    )
    expect(world.server('S1').os.boots + world.server('S2').os.boots).toBe(2)
    const said = decide({ site: site({ managementServers: [] }) }).leftS
    expect(tookS).toBeLessThan(said)
    expect(tookS).toBeGreaterThan(said * 0.6)
  })

  test('swapped cables are found at both servers that they concern', () => {
    const swaps = [{ server: 'S1', pdu: 'pdu-a', outlet: 2 }]
    const { decided } = exercise({ swaps })
    expect(decided.status).toBe('failed')
    const wrong = decided.machines.map(({ name, outlets }) => [
      name,
      ...outlets.map(({ verdict, loss }) => `${verdict} ${loss?.server}`),
    ])
    expect(wrong).toEqual([
      ['S1', 'mis-cabled S2', 'right S1'],
      ['S2', 'mis-cabled S1', 'right S2'],
    ])
  })

  test('a supply that stays dead stops it: nothing more is cut anywhere', () => {
    const { world, decided } = exercise({}, (w) => {
      w.clock.after(3000, () => w.server('S1').setFaults({ failedSupplies: [1] }))
    })
    expect(decided).toMatchObject({ status: 'stopped', code: 'not-back' })
    expect(decided.detail).toContain('at S1 a supply did not come back')
    expect(world.switched).toEqual(['pdu-a off', 'pdu-a on'])
    expect(told(decided)).toEqual(['S1 failed not-back', 'S2 not-tested stopped'])
  })

  test('a reset of the server under test ends both, and says why', () => {
    const { world, decided } = exercise({}, (w, server) => {
      if (server !== 'S2') return
      w.clock.after(2000, () => {
        const detail = 'a reset of S2 was asked for'
        w.give({ type: 'abort', detail, restore: false })
      })
    })
    expect(decided).toMatchObject({ status: 'stopped', code: 'test-aborted' })
    expect(decided.detail).toBe('the test of S2 was ended: a reset of S2 was asked for')
    expect(told(decided)[0]).toBe('S1 passed')
    expect(world.switched.at(-1)).toBe('pdu-a off')
  })
})
