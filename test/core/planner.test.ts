import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  planReset,
  type ResolvedTarget,
  resolveRequester,
  resolveTarget,
  type TargetQuestion,
} from '../../core/planner.ts'
import type { Server, SiteDocument } from '../../core/site.ts'
import { aCluster, aServer, aSite, aSystem } from './site-samples.ts'

const ESXI = {
  type: 'esxi',
  address: '192.168.0.53',
  port: 22,
  username: 'root',
  password: { sealed: 'x' },
  guestReset: true,
} as const

const FEEDS = [
  { pdu: 'pdu-a', outlet: 3 },
  { pdu: 'pdu-b', outlet: 4 },
]

/** Number 1 exists in two clusters, 2 and 9 in one; P4 carries no system, P5 carries guests. */
const SITE = aSite(
  [aServer('P1'), aServer('P2'), aServer('P3'), aServer('P4'), aServer('P5', { hypervisor: ESXI })],
  [
    aCluster('db', [aSystem(1, 'P1'), aSystem(2, 'P2')]),
    aCluster('web', [aSystem(1, 'P3', { port: 6002 })]),
    aCluster('app', [aSystem(9, 'P5', { guest: 'vm9', port: 6003 })]),
  ],
)

function resolved(site: SiteDocument, target: TargetQuestion): ResolvedTarget {
  const found = resolveTarget(site, target)
  if ('code' in found) throw new Error(found.detail)
  return found
}

describe('the target', () => {
  test.each([
    [{ system: 2 }, 'P2', 2],
    [{ system: 1, cluster: 'db' }, 'P1', 1],
    [{ system: 1, cluster: 'web' }, 'P3', 1],
    [{ server: 'P3' }, 'P3', 1],
    [{ server: 'P4' }, 'P4', undefined],
  ])('%j is one machine', (target, server, system) => {
    const found = resolved(SITE, target)
    expect([found.server.name, found.system?.number]).toEqual([server, system])
  })

  test.each([
    [{ system: 1 }, 'ambiguous-system', ['"db"', '"web"']],
    [{ system: 3 }, 'unknown-system', ['3', 'this site']],
    [{ system: 2, cluster: 'web' }, 'unknown-system', ['2', '"web"']],
    [{ system: 2, cluster: 'DB' }, 'unknown-cluster', ['"DB"']],
    [{ server: 'p1' }, 'unknown-server', ['"p1"']],
    [{ server: '' }, 'unknown-server', ['""']],
    [{}, 'unknown-server', ['""']],
    [{ system: 9 }, 'guest-reset-unavailable', ['"P5"']],
    [{ server: 'P5' }, 'guest-reset-unavailable', ['"P5"']],
  ])('%j is refused as %s, saying which', (target, code, named) => {
    const found = resolveTarget(SITE, target)
    expect(found).toMatchObject({ code })
    for (const each of named) expect('detail' in found && found.detail).toContain(each)
  })
})

describe('the requester', () => {
  test('without a cluster it is looked for in the cluster of the target first', () => {
    expect(resolveRequester(SITE, { system: 1 }, 'web')).toMatchObject({ cluster: 'web' })
    expect(resolveRequester(SITE, { system: 1 }, 'db')).toMatchObject({ cluster: 'db' })
  })

  test('with a cluster it is that one, whatever the target is', () => {
    const requester = { system: 1, cluster: 'web' }
    expect(resolveRequester(SITE, requester, 'db')).toMatchObject({ cluster: 'web' })
  })

  test.each([
    [{ system: 1 }, undefined],
    [{ system: 1 }, 'app'],
    [{ system: 77 }, 'db'],
    [{ system: 2, cluster: 'web' }, 'db'],
    [{ system: 2, cluster: 'none' }, 'db'],
  ])('%j for a target of %s is unknown', (requester, cluster) => {
    expect(resolveRequester(SITE, requester, cluster)).toMatchObject({ code: 'unknown-requester' })
  })
})

describe('the plan', () => {
  const planOf = (server: Partial<Server>, spec: Partial<SiteDocument['spec']> = {}) => {
    const grade = spec.clusters?.[0]?.requireGrade ?? 'acknowledged'
    const site = aSite([aServer('P1', server)], [aCluster('db', [aSystem(1, 'P1')], grade)])
    const full = { ...site, spec: { ...site.spec, ...spec } }
    return planReset(full, resolved(full, { server: 'P1' }), 'ladder')
  }

  test.each([
    ['off', undefined, 5000],
    [2500, undefined, 2500],
    [2500, 1200, 1200],
    ['off', 1000, 1000],
  ] as const)('hardResetAfterMs: site %s, server %s, planned %s', (site, own, planned) => {
    const server = own === undefined ? {} : { hardResetAfterMs: own }
    expect(planOf(server, { hardResetAfterMs: site }).hardResetAfterMs).toBe(planned)
  })

  test('PDU control off: no feed is planned however many are wired, and the BMC has ten seconds', () => {
    const plan = planOf({ feeds: FEEDS, hardResetTimeoutS: 5, pduRecoveryWaitS: 10 })
    expect(plan).toMatchObject({ feeds: [], hardResetTimeoutMs: 10_000 })
  })

  test('PDU control on: every feed with its address, the times in ms', () => {
    const plan = planOf({
      pduControl: true,
      feeds: FEEDS,
      hardResetTimeoutS: 7,
      pduRecoveryWaitS: 15,
      holdUpMs: 250,
    })
    expect(plan).toMatchObject({
      feeds: [
        { pdu: 'pdu-a', pduAddress: '192.168.1.101', outlet: 3 },
        { pdu: 'pdu-b', pduAddress: '192.168.1.102', outlet: 4 },
      ],
      hardResetTimeoutMs: 7000,
      pduRecoveryWaitMs: 15_000,
      holdUpMs: 250,
    })
  })

  test('confirmed in the cluster of the server makes it off-on', () => {
    const site = aSite([aServer('P1')], [aCluster('db', [aSystem(1, 'P1')], 'confirmed')])
    const plan = planReset(site, resolved(site, { system: 1 }), 'ladder')
    expect(plan).toMatchObject({ requireGrade: 'confirmed', hardMethod: 'off-on' })
  })

  test('confirmed in a cluster of another server changes nothing', () => {
    const site = aSite(
      [aServer('P1'), aServer('P2')],
      [aCluster('db', [aSystem(1, 'P1')]), aCluster('web', [aSystem(7, 'P2')], 'confirmed')],
    )
    const plan = planReset(site, resolved(site, { system: 1 }), 'ladder')
    expect(plan).toMatchObject({ requireGrade: 'acknowledged', hardMethod: 'reset' })
  })

  test('a plan is a copy: what changes in the site afterwards does not reach it', () => {
    const site = aSite(
      [aServer('P1', { pduControl: true, feeds: structuredClone(FEEDS), hardResetTimeoutS: 5 })],
      [aCluster('db', [aSystem(1, 'P1')])],
    )
    const plan = planReset(site, resolved(site, { server: 'P1' }), 'ladder')
    const before = structuredClone(plan)
    const [server] = site.spec.servers
    if (server) Object.assign(server.bmc, { address: 'elsewhere' })
    for (const feed of server?.feeds ?? []) feed.outlet = 99
    for (const system of site.spec.clusters[0]?.systems ?? []) system.address = 'elsewhere'
    expect(plan).toEqual(before)
  })

  test('whatever is named, one machine is planned: the one that carries the named system', () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(numbers, numbers, fc.integer({ min: 1, max: 6 }), (left, right, asked) => {
        const clusters = [
          aCluster(
            'left',
            left.map((n) => aSystem(n, `L${n}`)),
          ),
          aCluster(
            'right',
            right.map((n) => aSystem(n, `R${n}`)),
          ),
        ]
        const servers = [
          ...left.map((n) => aServer(`L${n}`)),
          ...right.map((n) => aServer(`R${n}`)),
        ]
        const found = resolveTarget(aSite(servers, clusters), { system: asked })
        const holders = [left, right].filter((each) => each.includes(asked)).length
        if (holders === 0) expect(found).toMatchObject({ code: 'unknown-system' })
        else if (holders === 2) expect(found).toMatchObject({ code: 'ambiguous-system' })
        else {
          const name = left.includes(asked) ? `L${asked}` : `R${asked}`
          expect(found).toMatchObject({ server: { name }, system: { number: asked } })
        }
      }),
      { numRuns: 2000 },
    )
  })
})
