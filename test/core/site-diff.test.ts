import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { validateSite } from '../../core/limits.ts'
import type { SiteDocument } from '../../core/site.ts'
import type { Running } from '../../core/site-diff/refusals.ts'
import { diffSite } from '../../core/site-diff.ts'
import { rawServer, rawSite, withValue } from './sample-site.ts'

const IDLE: Running = { openOrders: [], powerOff: [] }

function site(raw: unknown, previous?: SiteDocument): SiteDocument {
  const verdict = validateSite(raw, previous)
  if ('faults' in verdict) throw new Error(JSON.stringify(verdict.faults, null, 1))
  return verdict.site
}

const BEFORE = site(rawSite())

/** The raw document with some places set, against the sample. */
function changed(...places: [pointer: string, value: unknown][]): SiteDocument {
  const raw = places.reduce<unknown>((doc, [at, value]) => withValue(doc, at, value), rawSite())
  return site(raw, BEFORE)
}

function told(diff: ReturnType<typeof diffSite>): string[] {
  return diff.changes.map(({ subject, name, operation, result, reason }) =>
    [subject, name, operation, result, ...(reason ? [reason] : [])].join(' '),
  )
}

describe('with nothing going on', () => {
  test('a new site is all additions', () => {
    const diff = diffSite(undefined, BEFORE, IDLE)
    expect(told(diff)).toEqual([
      'site tokyo1 Add Success',
      'managementServer HACON1 Add Success',
      'managementServer HACON2 Add Success',
      'pdu pdu-a Add Success',
      'pdu pdu-b Add Success',
      'server PSERVER1 Add Success',
      'server PSERVER2 Add Success',
      'server PSERVER3 Add Success',
      'cluster db Add Success',
      'cluster app Add Success',
    ])
    expect(diff.summary).toContainEqual({
      subject: 'server',
      success: 3,
      total: 3,
      result: 'Success',
    })
    expect(diff.result).toBe('completed')
    expect(diff.applied).toEqual(BEFORE)
  })

  test('the same document changes nothing', () => {
    expect(diffSite(BEFORE, BEFORE, IDLE)).toEqual({
      result: 'completed',
      summary: ['managementServer', 'pdu', 'server'].map((subject) => ({
        subject,
        success: 0,
        total: 0,
        result: 'Success',
      })),
      changes: [],
      applied: BEFORE,
    })
  })

  test('a change names its fields and a deletion its object', () => {
    const next = changed(
      ['/spec/servers/0/bmc/port', 624],
      ['/spec/servers/2', undefined],
      ['/spec/clusters/1', undefined],
    )
    expect(diffSite(BEFORE, next, IDLE).changes).toEqual([
      {
        subject: 'server',
        name: 'PSERVER1',
        operation: 'Change',
        result: 'Success',
        detail: 'bmc',
      },
      { subject: 'server', name: 'PSERVER3', operation: 'Delete', result: 'Success' },
      { subject: 'cluster', name: 'app', operation: 'Delete', result: 'Success' },
    ])
  })

  test('a rename is one Change, wherever the name is referred to', () => {
    const next = changed(
      ['/spec/servers/0', { ...rawServer('ALPHA', 1), renamedFrom: 'PSERVER1' }],
      ['/spec/clusters/0/systems/0/server', 'ALPHA'],
    )
    expect(diffSite(BEFORE, next, IDLE).changes).toEqual([
      {
        subject: 'server',
        name: 'ALPHA',
        operation: 'Change',
        result: 'Success',
        detail: 'renamed from PSERVER1',
      },
    ])
    expect(diffSite(next, next, IDLE).changes).toEqual([])
  })
})

describe('while a reset is open', () => {
  const running: Running = { openOrders: ['PSERVER1'], powerOff: [] }

  test.each([
    ['a field of the server', ['/spec/servers/0/holdUpMs', 2000], 'server PSERVER1 Change'],
    ['a PDU that feeds it', ['/spec/pdus/0/port', 1161], 'pdu pdu-a Change'],
    ['its cluster', ['/spec/clusters/0/requireGrade', 'confirmed'], 'cluster db Change'],
  ] as const)('%s cannot change', (_title, place, what) => {
    const diff = diffSite(BEFORE, changed([place[0], place[1]]), running)
    expect(told(diff)).toEqual([`${what} Error reset-in-progress`])
    expect(diff.applied).toEqual(BEFORE)
    expect(diff.result).toBe('failed')
  })

  test('the rest succeeds and stays', () => {
    const next = changed(
      ['/spec/servers/0/holdUpMs', 2000],
      ['/spec/servers/2/holdUpMs', 3000],
      ['/spec/hardResetAfterMs', 'off'],
    )
    const diff = diffSite(BEFORE, next, running)
    expect(told(diff)).toEqual([
      'site tokyo1 Change Success',
      'server PSERVER1 Change Error reset-in-progress',
      'server PSERVER3 Change Success',
    ])
    expect(diff.summary).toContainEqual({
      subject: 'server',
      success: 1,
      total: 2,
      result: 'Failed',
    })
    expect(diff.applied.spec.servers.map(({ holdUpMs }) => holdUpMs)).toEqual([1000, 1000, 3000])
    expect(diff.applied.spec.hardResetAfterMs).toBe('off')
  })

  test('an outlet that its owner cannot give up now goes to nobody else', () => {
    const next = changed(
      ['/spec/servers/0/feeds', [{ pdu: 'pdu-a', outlet: 3 }]],
      ['/spec/servers/2/feeds', [{ pdu: 'pdu-b', outlet: 3 }]],
    )
    const diff = diffSite(BEFORE, next, running)
    expect(told(diff)).toEqual([
      'server PSERVER1 Change Error reset-in-progress',
      'server PSERVER3 Change Error invalid',
    ])
    expect(diff.changes[1]?.detail).toContain('PSERVER1')
    expect(diff.applied).toEqual(BEFORE)
  })

  test('a PDU rename that is refused leaves every feed with the old name', () => {
    const raw = {
      apiVersion: 'palisade/v1',
      kind: 'Site',
      metadata: { name: 'tokyo1' },
      spec: { pdus: [{ name: 'left', renamedFrom: 'pdu-a' }, { name: 'pdu-b' }] },
    }
    const diff = diffSite(BEFORE, site(raw, BEFORE), running)
    expect(told(diff)).toEqual(['pdu left Change Error reset-in-progress'])
    expect(diff.applied).toEqual(BEFORE)
  })

  test('a new server under a name that could not be given up is refused', () => {
    const next = changed(
      ['/spec/servers/0', { ...rawServer('ALPHA', 1), renamedFrom: 'PSERVER1' }],
      ['/spec/clusters/0/systems/0/server', 'ALPHA'],
      ['/spec/servers/3', { ...rawServer('PSERVER1', 6), pairGuard: false }],
    )
    const diff = diffSite(BEFORE, next, running)
    expect(told(diff)).toEqual([
      'server ALPHA Change Error reset-in-progress',
      'server PSERVER1 Add Error invalid',
    ])
    expect(diff.applied).toEqual(BEFORE)
  })
})

describe('while the HA software runs', () => {
  const running: Running = {
    openOrders: [],
    powerOff: [],
    registeredSystems: [{ cluster: 'db', number: 10_001 }],
  }

  test.each([
    ['the BMC', '/spec/servers/0/bmc/address', '192.168.1.77'],
    ['the soft method', '/spec/servers/0/softMethod', 'none'],
  ])('%s of its server cannot change, unless the server was read off', (_title, at, value) => {
    const next = changed([at, value])
    expect(told(diffSite(BEFORE, next, running))).toEqual([
      'server PSERVER1 Change Error not-while-running',
    ])
    const off = { ...running, powerOff: ['PSERVER1'] }
    expect(told(diffSite(BEFORE, next, off))).toEqual(['server PSERVER1 Change Success'])
  })

  test('feeds, PDU switch and times of its server change live', () => {
    const next = changed(
      ['/spec/servers/0/feeds/0/outlet', 11],
      ['/spec/servers/0/hardResetTimeoutS', 7],
      ['/spec/servers/0/pduRecoveryWaitS', 0],
      ['/spec/servers/0/hardResetAfterMs', 1500],
    )
    expect(told(diffSite(BEFORE, next, running))).toEqual(['server PSERVER1 Change Success'])
  })

  test('its cluster entry cannot change or go, the required grade can', () => {
    const moved = changed(['/spec/clusters/0/systems/0/address', '192.168.0.222'])
    expect(told(diffSite(BEFORE, moved, running))).toEqual([
      'cluster db Change Error not-while-running',
    ])
    const grade = changed(['/spec/clusters/0/requireGrade', 'confirmed'])
    expect(told(diffSite(BEFORE, grade, running))).toEqual(['cluster db Change Success'])
  })

  test('neither the server nor its cluster can be deleted; what depends on them stays', () => {
    const raw = rawSite()
    const next = site(
      {
        ...raw,
        spec: {
          ...raw.spec,
          servers: raw.spec.servers.slice(2),
          clusters: raw.spec.clusters.slice(1),
        },
      },
      BEFORE,
    )
    const diff = diffSite(BEFORE, next, running)
    expect(told(diff)).toEqual([
      'server PSERVER1 Delete Error not-while-running',
      'server PSERVER2 Delete Error invalid',
      'cluster db Delete Error not-while-running',
    ])
    expect(new Set(diff.applied.spec.servers)).toEqual(new Set(BEFORE.spec.servers))
  })
})

test('feeds that are still off from a reset keep their wiring until they are restored', () => {
  const running: Running = { ...IDLE, heldFeeds: ['PSERVER2'] }
  const next = changed(['/spec/servers/1/feeds/0/outlet', 12], ['/spec/servers/0/holdUpMs', 5])
  expect(told(diffSite(BEFORE, next, running))).toEqual([
    'server PSERVER1 Change Success',
    'server PSERVER2 Change Error device-state',
  ])
})

const SERVERS = ['PSERVER1', 'PSERVER2', 'PSERVER3']
const CHANGES: [string, unknown][] = [
  ['/spec/servers/0/holdUpMs', 2000],
  ['/spec/servers/0/feeds', [{ pdu: 'pdu-a', outlet: 4 }]],
  ['/spec/servers/1/feeds', [{ pdu: 'pdu-a', outlet: 3 }]],
  ['/spec/servers/0/bmc/address', '192.168.1.52'],
  ['/spec/servers/1/bmc/address', '192.168.1.51'],
  ['/spec/servers/0/pairGuard', false],
  ['/spec/servers/1/pairGuard', false],
  ['/spec/servers/2', { ...rawServer('NEW', 7), pairGuard: false }],
  ['/spec/clusters/1/systems', []],
  ['/spec/clusters/0/systems/0/address', '192.168.0.102'],
  ['/spec/clusters/0/systems/1/address', '192.168.0.101'],
  ['/spec/pdus/0/address', '192.168.1.102'],
  ['/spec/pdus/1/address', '192.168.1.101'],
  ['/spec/resetPath/port', 7000],
]

test('whatever is refused, the applied document is sound, and applying it again changes nothing', () => {
  const running = fc.record({
    openOrders: fc.subarray([...SERVERS, 'HACON1']),
    powerOff: fc.subarray(SERVERS),
    heldFeeds: fc.subarray(SERVERS),
    registeredSystems: fc.subarray([
      { cluster: 'db', number: 10_001 },
      { cluster: 'db', number: 10_002 },
      { cluster: 'app', number: 10_011 },
    ]),
  })
  let seen = 0
  fc.assert(
    fc.property(fc.subarray(CHANGES), running, (places, now) => {
      const raw = places.reduce<unknown>((doc, [at, value]) => withValue(doc, at, value), rawSite())
      const verdict = validateSite(raw, BEFORE)
      if ('faults' in verdict) return
      seen += 1
      const diff = diffSite(BEFORE, verdict.site, now)
      expect(validateSite(diff.applied)).toMatchObject({ site: diff.applied })
      expect(diffSite(diff.applied, diff.applied, now).changes).toEqual([])
      const successes = diff.changes.filter(({ result }) => result === 'Success')
      expect(diffSite(BEFORE, diff.applied, IDLE).changes).toEqual(successes)
    }),
    { numRuns: 3000 },
  )
  expect(seen).toBeGreaterThan(50)
})
