// What a document leaves out: defaults for a new object, the former value for a known one.
import { describe, expect, test } from 'vitest'
import { validateSite } from '../../../core/limits.ts'
import type { SiteDocument } from '../../../core/site.ts'
import { rawSite, SEALED, withValue } from '../sample-site.ts'

const P1 = '/spec/servers/0'

function faultsOf(raw: unknown, previous?: SiteDocument) {
  const verdict = validateSite(raw, previous)
  return 'faults' in verdict ? verdict.faults : []
}

function accepted(raw: unknown, previous?: SiteDocument): SiteDocument {
  const verdict = validateSite(raw, previous)
  if ('faults' in verdict) throw new Error(JSON.stringify(verdict.faults, null, 1))
  return verdict.site
}

describe('defaults and what is kept', () => {
  test('what a new site leaves out gets its default', () => {
    const raw = withValue(rawSite(), '/spec/hardResetAfterMs', undefined)
    const { spec } = accepted(raw)
    expect(spec.hardResetAfterMs).toBe('off')
    expect(spec.guestHardResetAfterMs).toBe(5000)
    expect(spec.pdus[0]?.port).toBe(161)
    expect(spec.clusters[0]?.requireGrade).toBe('acknowledged')
    expect(spec.servers[2]).toEqual({
      name: 'PSERVER3',
      bmc: {
        protocol: 'ipmi',
        address: '192.168.1.53',
        port: 623,
        username: 'operator',
        password: SEALED,
      },
      hypervisor: {
        type: 'esxi',
        address: '192.168.0.53',
        port: 22,
        username: 'root',
        password: SEALED,
        guestReset: true,
      },
      softMethod: 'nmi',
      hardMethod: 'reset',
      pairGuard: false,
      pduControl: false,
      holdUpMs: 1000,
      feeds: [],
    })
  })

  test('off as the own value of a server is 5000 ms', () => {
    const site = accepted(withValue(rawSite(), `${P1}/hardResetAfterMs`, 'off'))
    expect(site.spec.servers[0]?.hardResetAfterMs).toBe(5000)
  })

  test('a field left out of a change keeps its value, and null takes an optional one away', () => {
    const previous = accepted(withValue(rawSite(), `${P1}/softMethod`, 'none'))
    const change = withValue(
      withValue(rawSite(), `${P1}`, { name: 'PSERVER1', bmc: { address: '192.168.1.99' } }),
      '/spec/resetPath',
      null,
    )
    const site = accepted(change, previous)
    expect(site.spec.servers[0]).toEqual({
      ...previous.spec.servers[0],
      bmc: { ...previous.spec.servers[0]?.bmc, address: '192.168.1.99' },
    })
    expect(site.spec.resetPath).toBeUndefined()
    const empty = { apiVersion: 'palisade/v1', kind: 'Site', metadata: { name: 'tokyo1' } }
    expect(accepted(empty, previous)).toEqual(previous)
  })

  test('a secret left out is kept for the same object only', () => {
    const previous = accepted(rawSite())
    const without = withValue(rawSite(), `${P1}/bmc/password`, undefined)
    expect(accepted(without, previous).spec.servers[0]?.bmc.password).toEqual(SEALED)
    expect(faultsOf(without).map(({ pointer }) => pointer)).toEqual([`${P1}/bmc/password`])
    const other = {
      ...previous,
      spec: { ...previous.spec, servers: previous.spec.servers.slice(1) },
    }
    expect(faultsOf(without, other).map(({ pointer }) => pointer)).toEqual([`${P1}/bmc/password`])
  })

  test('a renamed server keeps its sealed secret and its feeds', () => {
    const previous = accepted(rawSite())
    const renamed = withValue(rawSite(), P1, { name: 'ALPHA', renamedFrom: 'PSERVER1' })
    const site = accepted(
      withValue(renamed, '/spec/clusters/0/systems/0/server', 'ALPHA'),
      previous,
    )
    expect(site.spec.servers[0]).toEqual({
      ...previous.spec.servers[0],
      name: 'ALPHA',
      renamedFrom: 'PSERVER1',
    })
    expect(
      accepted(withValue(renamed, '/spec/clusters/0/systems/0/server', 'ALPHA'), site),
    ).toEqual(site)
  })

  test('feeds that are kept follow the new name of their PDU', () => {
    const previous = accepted(rawSite())
    const change = {
      apiVersion: 'palisade/v1',
      kind: 'Site',
      metadata: { name: 'tokyo1' },
      spec: { pdus: [{ name: 'left', renamedFrom: 'pdu-a' }, { name: 'pdu-b' }] },
    }
    expect(accepted(change, previous).spec.servers[0]?.feeds).toEqual([
      { pdu: 'left', outlet: 3 },
      { pdu: 'pdu-b', outlet: 3 },
    ])
  })

  test.each([
    ['from nothing', { name: 'PSERVER9', renamedFrom: 'GHOST' }],
    ['from itself', { name: 'PSERVER1', renamedFrom: 'PSERVER1' }],
  ])('a rename %s is refused', (_title, names) => {
    const previous = accepted(rawSite())
    const raw = withValue(rawSite(), '/spec/servers/2', { ...rawSite().spec.servers[2], ...names })
    expect(faultsOf(raw, previous).map(({ field }) => field)).toContain('renamedFrom')
  })

  test('a document that was accepted is accepted again unchanged', () => {
    const site = accepted(rawSite())
    expect(accepted(site)).toEqual(site)
    expect(accepted(site, site)).toEqual(site)
  })
})
