import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ArbiterView,
  arbitrate,
  guardedPartners,
  STOPPED_WITHOUT_REGISTRATION_MS,
} from '../../core/arbiter.ts'
import { aCluster, aServer, aSite, aSystem, getServer } from './site-samples.ts'

/** A and B are a guarded pair; C guards alone; D, E, F are no pair: three in one cluster. */
const SITE = aSite(
  [
    aServer('A', { pairGuard: true }),
    aServer('B', { pairGuard: true }),
    aServer('C', { pairGuard: true }),
    aServer('N'),
    aServer('D', { pairGuard: true }),
    aServer('E', { pairGuard: true }),
    aServer('F', { pairGuard: true }),
  ],
  [
    aCluster('ab', [aSystem(1, 'A'), aSystem(2, 'B')]),
    aCluster('cn', [aSystem(3, 'C', { port: 6002 }), aSystem(4, 'N', { port: 6002 })]),
    aCluster('def', [
      aSystem(5, 'D', { port: 6003 }),
      aSystem(6, 'E', { port: 6003 }),
      aSystem(7, 'F', { port: 6003 }),
    ]),
  ],
)
const NOW = 1_000_000
const QUIET: ArbiterView = { now: NOW, open: [], loose: [], completed: [] }

const requesterOf = (number: number) => {
  const cluster = number <= 2 ? 'ab' : number <= 4 ? 'cn' : 'def'
  return { cluster, number, address: `10.0.0.${number}`, port: 6001 }
}

function ask(server: string, view: Partial<ArbiterView> = {}, requester?: number) {
  return arbitrate({
    site: SITE,
    server: getServer(SITE, server),
    requester: requester === undefined ? undefined : requesterOf(requester),
    view: { ...QUIET, ...view },
  })
}

const open = (server: string) => [{ order: `rst_${server}`, server }]
const accept = { verdict: 'accept' }
const refuse = (code: string, result: string) => ({ verdict: 'refuse', code, result })

describe('the target', () => {
  test('with nothing in the way is accepted, whoever asks', () => {
    expect(ask('A')).toEqual(accept)
    expect(ask('A', {}, 2)).toEqual(accept)
    expect(ask('A', {}, 5)).toEqual(accept)
  })

  test('with an open ladder is refused and names it', () => {
    expect(ask('A', { open: open('A') }, 2)).toMatchObject({
      ...refuse('reset-already-open', 'FAIL'),
      order: 'rst_A',
    })
  })

  test('with a loose effect of its own may be reset again', () => {
    expect(ask('A', { loose: [{ server: 'A' }] }, 2)).toEqual(accept)
  })

  test('reset a moment ago may be reset again', () => {
    expect(ask('N', { completed: [{ server: 'N', at: NOW - 1 }] })).toEqual(accept)
  })
})

describe('the requester', () => {
  test('whose own ladder is open gets FAIL, guard or not, and even if the target is open too', () => {
    for (const [target, asking, own] of [
      ['A', 2, 'B'],
      ['D', 6, 'E'],
      ['C', 4, 'N'],
    ] as const) {
      const being = { ...refuse('requester-being-reset', 'FAIL'), order: `rst_${own}` }
      expect(ask(target, { open: open(own) }, asking)).toMatchObject(being)
      expect(ask(target, { open: [...open(target), ...open(own)] }, asking)).toMatchObject(being)
    }
  })

  test('whose own reset is complete gets ERROR until 60 s have passed', () => {
    const at = (ms: number) => ({ completed: [{ server: 'E', at: NOW - ms }] })
    const complete = refuse('requester-reset-complete', 'ERROR')
    expect(ask('D', at(0), 6)).toMatchObject(complete)
    expect(ask('D', at(STOPPED_WITHOUT_REGISTRATION_MS - 1), 6)).toMatchObject(complete)
    expect(ask('D', at(STOPPED_WITHOUT_REGISTRATION_MS), 6)).toEqual(accept)
  })

  test('that asks for its own server gets ERROR', () => {
    expect(ask('A', {}, 1)).toMatchObject(refuse('requester-is-target', 'ERROR'))
  })

  test('that no system of the site is gets ERROR', () => {
    expect(ask('A', {}, 99)).toMatchObject(refuse('unknown-requester', 'ERROR'))
  })

  test('with a loose effect on its own server may ask, if it is no guarded partner', () => {
    expect(ask('D', { loose: [{ server: 'E' }] }, 6)).toEqual(accept)
  })
})

describe('the pair guard', () => {
  test('holds for the two systems of a two-system cluster whose servers both have it on', () => {
    expect(guardedPartners(SITE, 'A')).toEqual(['B'])
    expect(guardedPartners(SITE, 'B')).toEqual(['A'])
    for (const server of ['C', 'N', 'D', 'E', 'F', 'nobody']) {
      expect(guardedPartners(SITE, server)).toEqual([])
    }
  })

  test('a server in two pairs has two partners, one with both systems on it has none', () => {
    const [a, b, c] = ['A', 'B', 'C'].map((name) => aServer(name, { pairGuard: true }))
    if (!a || !b || !c) throw new Error('three servers')
    const pairs = [
      aCluster('x', [aSystem(1, 'A'), aSystem(2, 'B')]),
      aCluster('y', [aSystem(3, 'A'), aSystem(4, 'C')]),
    ]
    expect(guardedPartners(aSite([a, b, c], pairs), 'A')).toEqual(['B', 'C'])
    const both = [aCluster('x', [aSystem(1, 'A'), aSystem(2, 'A')])]
    expect(guardedPartners(aSite([a], both), 'A')).toEqual([])
  })

  test.each([
    ['open', { open: open('B') }, 'is being reset'],
    ['loose', { loose: [{ server: 'B' }] }, 'may still be hit'],
    ['stopped', { completed: [{ server: 'B', at: NOW - 59_999 }] }, 'has not registered'],
    [
      'stopped by a clock ahead',
      { completed: [{ server: 'B', at: NOW + 5 }] },
      'has not registered',
    ],
  ])('a partner %s refuses, whoever asks', (_, view, why) => {
    for (const requester of [undefined, 5]) {
      const verdict = ask('A', view, requester)
      expect(verdict).toMatchObject(refuse('pair-guard', 'FAIL'))
      expect('detail' in verdict && verdict.detail).toContain(why)
    }
  })

  test('a partner that is being tested refuses, and its own server is not in the way', () => {
    const tested = [{ server: 'B' }]
    expect(ask('A', { tested })).toMatchObject(refuse('pair-guard', 'FAIL'))
    expect(ask('B', { tested })).toEqual(accept)
  })

  test('a partner stopped 60 s ago refuses no more', () => {
    expect(ask('A', { completed: [{ server: 'B', at: NOW - 60_000 }] })).toEqual(accept)
  })

  test('the same things on servers that are no guarded partner refuse nothing', () => {
    for (const other of ['N', 'D']) {
      const view = {
        open: open(other),
        loose: [{ server: other }],
        completed: [{ server: other, at: NOW }],
      }
      expect(ask('A', view)).toEqual(accept)
    }
    expect(ask('C', { open: open('N') })).toEqual(accept)
    expect(ask('D', { open: open('E') }, 7)).toEqual(accept)
  })
})

describe('over time', () => {
  test('of two crossing requests of a guarded pair exactly one is accepted, in either order', () => {
    for (const [first, second] of [
      ['A', 'B'],
      ['B', 'A'],
    ] as const) {
      const [firstAsker, secondAsker] = first === 'A' ? [2, 1] : [1, 2]
      expect(ask(first, {}, firstAsker)).toEqual(accept)
      expect(ask(second, { open: open(first) }, secondAsker)).toMatchObject({ verdict: 'refuse' })
    }
  })

  test('however requests, endings and lost answers interleave, a guarded pair is never both down', () => {
    const event = fc.record({
      what: fc.constantFrom('ask A', 'ask B', 'complete', 'fail', 'fail loose', 'settle'),
      asker: fc.constantFrom(undefined, 1, 2, 5),
      afterMs: fc.integer({ min: 0, max: 40_000 }),
    })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        let now = 0
        let running: { order: string; server: string }[] = []
        let loose: { server: string }[] = []
        const completed: { server: string; at: number }[] = []
        for (const { what, asker, afterMs } of events) {
          now += afterMs
          if (what === 'ask A' || what === 'ask B') {
            const server = what.slice(-1)
            const partner = server === 'A' ? 'B' : 'A'
            const verdict = ask(server, { now, open: running, loose, completed }, asker)
            if (verdict.verdict === 'refuse') continue
            const down =
              running.some((each) => each.server === partner) ||
              loose.some((each) => each.server === partner) ||
              completed.some((each) => each.server === partner && now - each.at < 60_000)
            expect(down, `${server} accepted while ${partner} may be down`).toBe(false)
            running.push({ order: `rst_${now}`, server })
            continue
          }
          if (what === 'settle') loose = []
          const [done] = what === 'settle' ? [] : running
          if (!done) continue
          running = running.slice(1)
          if (what === 'complete') completed.push({ server: done.server, at: now })
          if (what === 'fail loose') loose.push({ server: done.server })
        }
        expect(running.length).toBeLessThanOrEqual(1)
      }),
      { numRuns: 3000 },
    )
  })
})
