import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { validateSite } from '../../core/limits.ts'
import type { SiteDocument } from '../../core/site.ts'
import { rawServer, rawSite, SEALED, withValue } from './sample-site.ts'

function faultsOf(raw: unknown, previous?: SiteDocument) {
  const verdict = validateSite(raw, previous)
  return 'faults' in verdict ? verdict.faults : []
}

function accepted(raw: unknown, previous?: SiteDocument): SiteDocument {
  const verdict = validateSite(raw, previous)
  if ('faults' in verdict) throw new Error(JSON.stringify(verdict.faults, null, 1))
  return verdict.site
}

const P1 = '/spec/servers/0'
const M1 = '/spec/managementServers/0'

describe('a single field', () => {
  test.each([
    ['/spec/hardResetAfterMs', [1000, 2500, 5000, 'off'], [900, 5100, 2550, 0, '2500', null, true]],
    ['/spec/guestHardResetAfterMs', [1000, 60_000], [999, 60_001, 1.5, 'off']],
    ['/spec/resetPath/port', [5001, 65_535], [5000, 65_536, '5001', 5002]],
    [`${M1}/peer/port`, [5003, 65_535], [5000, 65_536, 5001, 6001]],
    [`${P1}/name`, [], ['', '-a', '_a', '.a', 'a b', 'ä', 'x'.repeat(32), 7]],
    [`${P1}/hardResetAfterMs`, [1000, 'off', null], [999, 1001, 6000]],
    [`${P1}/holdUpMs`, [0, 10_000], [-1, 10_001, 0.5]],
    [`${P1}/hardResetTimeoutS`, [5, 60], [4, 61, 0, null]],
    [`${P1}/pduRecoveryWaitS`, [0, 5, 60], [1, 4, 61, -5, null]],
    [`${P1}/softMethod`, ['nmi', 'none'], ['NMI', '', null]],
    [`${P1}/hardMethod`, ['reset', 'off-on'], ['cycle', null]],
    [`${P1}/pairGuard`, [true], ['true', 1, false]],
    [`${P1}/bmc/protocol`, ['ipmi'], ['telnet']],
    [`${P1}/bmc/port`, [1, 65_535], [0, 65_536]],
    [`${P1}/bmc/username`, ['a', 'x'.repeat(16)], ['', 'x'.repeat(17), 'é', 5]],
    [
      `${P1}/bmc/address`,
      ['10.0.0.1', 'fd00::1'],
      ['10.0.0', 'host', '0.0.0.0', '224.0.0.1', '::'],
    ],
    [`${P1}/bmc/password`, [SEALED], ['plain', { env: 'X' }, { sealed: 'x' }, null]],
    [`${P1}/bmc/kg`, [SEALED, null], ['plain']],
    [`${P1}/feeds`, [[{ pdu: 'pdu-a', outlet: 9 }]], [[], {}, null, 'pdu-a']],
    [`${P1}/feeds/0/outlet`, [5, 12], [13, 0, -1, 256, '3']],
    [`${P1}/feeds/0/pdu`, [], ['pdu-c', '', 1]],
    ['/spec/servers/2/hypervisor/guestReset', [true, false], ['yes']],
    ['/spec/servers/2/hypervisor/username', ['x'.repeat(39)], ['x'.repeat(40), '']],
    ['/spec/pdus/0/model', ['apc-rpdu'], ['nonsense', '', 'constructor']],
    ['/spec/pdus/0/snmp/version', ['1', '2c'], ['2', 2, '3']],
    ['/spec/clusters/0/requireGrade', ['acknowledged', 'confirmed'], ['assumed']],
    ['/spec/clusters/0/systems/0/number', [1, 2_147_483_647], [0, 2_147_483_648, 10_002, '1']],
    ['/spec/clusters/0/systems/0/port', [], [6003, 0, 5001]],
    ['/apiVersion', [], ['palisade/v2', undefined]],
    ['/kind', [], ['Cluster']],
    ['/metadata/name', ['lab'], ['', 'a/b', undefined]],
    ['/revision', [7], []],
  ])('%s is taken at its borders and refused beyond them', (pointer, right, wrong) => {
    for (const value of right) {
      expect(faultsOf(withValue(rawSite(), pointer, value)), JSON.stringify(value)).toEqual([])
    }
    for (const value of wrong) {
      const faults = faultsOf(withValue(rawSite(), pointer, value))
      expect(faults.length, `${JSON.stringify(value)} was accepted`).toBeGreaterThan(0)
      for (const fault of faults) {
        expect(fault).toMatchObject({ field: expect.any(String), allowed: expect.any(String) })
      }
    }
  })

  test('a wrong value is repeated beside its pointer and what is allowed', () => {
    const [fault] = faultsOf(withValue(rawSite(), '/spec/hardResetAfterMs', 2550))
    expect(fault).toEqual({
      pointer: '/spec/hardResetAfterMs',
      field: 'hardResetAfterMs',
      value: 2550,
      allowed: 'a number from 1000 to 5000 in steps of 100, or off',
      detail:
        'hardResetAfterMs 2550 is not allowed here; ' +
        'it must be a number from 1000 to 5000 in steps of 100, or off',
    })
  })

  test('an unknown field is a fault that names the known ones and hides the value', () => {
    const raw = withValue(rawSite(), `${P1}/bmc/pasword`, 'hunter2')
    expect(faultsOf(raw)).toEqual([
      expect.objectContaining({
        pointer: `${P1}/bmc/pasword`,
        allowed: 'protocol, address, port, username, password, kg',
      }),
    ])
    expect(JSON.stringify(faultsOf(raw))).not.toContain('hunter2')
  })

  test('a plain secret in any credential field is refused and never repeated', () => {
    const places = [
      `${P1}/bmc/password`,
      `${P1}/bmc/kg`,
      `${P1}/bmc`,
      '/spec/servers/2/hypervisor/password',
      '/spec/pdus/0/snmp/community',
      '/spec/pdus/0/snmp/auth',
      '/spec/pdus/0/snmp/user',
      '/spec/pdus/0/snmp',
    ]
    for (const place of places) {
      const faults = faultsOf(withValue(rawSite(), place, 'hunter2'))
      expect(faults.length, place).toBeGreaterThan(0)
      expect(JSON.stringify(faults)).not.toContain('hunter2')
    }
  })
})

describe('between objects', () => {
  const raw = rawSite()
  const [server1, server2, server3] = raw.spec.servers
  test.each([
    ['two servers of one name', '/spec/servers/1/name', 'PSERVER1', '/spec/servers/1/name'],
    [
      'a server named like a management server',
      '/spec/servers/2/name',
      'HACON1',
      '/spec/servers/2/name',
    ],
    [
      'a guest named like a server',
      '/spec/clusters/1/systems/0/guest',
      'PSERVER1',
      '/spec/clusters/1/systems/0/guest',
    ],
    ['two PDUs of one name', '/spec/pdus/1/name', 'pdu-a', '/spec/pdus/1/name'],
    ['two PDUs at one address', '/spec/pdus/1/address', '192.168.1.101', '/spec/pdus/1/address'],
    ['a BMC address and port used twice', `${P1}/bmc/address`, '192.168.1.11', `${P1}/bmc/address`],
    ['an outlet with two owners', `${P1}/feeds/0/outlet`, 1, `${P1}/feeds/0/outlet`],
    [
      'one IP for two systems',
      '/spec/clusters/1/systems/0/address',
      '192.168.0.101',
      '/spec/clusters/1/systems/0/address',
    ],
    ['two clusters of one name', '/spec/clusters/1/name', 'db', '/spec/clusters/1/name'],
    [
      'two systems of one name in a cluster',
      '/spec/clusters/0/systems/1/name',
      'db-a',
      '/spec/clusters/0/systems/1/name',
    ],
    [
      'two ports in one cluster',
      '/spec/clusters/0/systems/1/port',
      6009,
      '/spec/clusters/0/systems/1/port',
    ],
    [
      'a system on an unknown server',
      '/spec/clusters/0/systems/0/server',
      'NOBODY',
      '/spec/clusters/0/systems/0/server',
    ],
    [
      'a system on a management server',
      '/spec/clusters/0/systems/0/server',
      'HACON2',
      '/spec/clusters/0/systems/0/server',
    ],
    [
      'two systems on one physical server',
      '/spec/clusters/0/systems/1/server',
      'PSERVER1',
      '/spec/clusters/0/systems/1/server',
    ],
    [
      'a guest on a physical server',
      '/spec/clusters/0/systems/0/guest',
      'vm1',
      '/spec/clusters/0/systems/0/guest',
    ],
    [
      'no guest on a virtual server',
      '/spec/clusters/1/systems/0/guest',
      undefined,
      '/spec/clusters/1/systems/0/guest',
    ],
    [
      'a PDU that still has feeds taken away',
      '/spec/pdus',
      [raw.spec.pdus[0]],
      `${P1}/feeds/1/pdu`,
    ],
    ['PDU control without feeds', `${P1}/feeds`, [], `${P1}/feeds`],
    [
      'PDU control without its timeout',
      `${P1}/hardResetTimeoutS`,
      undefined,
      `${P1}/hardResetTimeoutS`,
    ],
    [
      'PDU control without a recovery wait',
      `${P1}/pduRecoveryWaitS`,
      undefined,
      `${P1}/pduRecoveryWaitS`,
    ],
    ['PDU control of a management server without feeds', `${M1}/feeds`, [], `${M1}/feeds`],
    ['a pair guard on one side only', '/spec/servers/1/pairGuard', false, `${P1}/pairGuard`],
    [
      'a pair guard on a server without a system',
      '/spec/servers/2/pairGuard',
      true,
      '/spec/servers/2/pairGuard',
    ],
    ['a reset path on a system port', '/spec/resetPath/port', 6001, '/spec/resetPath/port'],
    ['a peer link on the port of the reset path', `${M1}/peer/port`, 5001, `${M1}/peer/port`],
    ['no management server', '/spec/managementServers', [], '/spec/managementServers'],
    [
      'three management servers',
      '/spec/managementServers',
      [{}, {}, {}],
      '/spec/managementServers',
    ],
    [
      'three feeds of a management server',
      `${M1}/feeds`,
      [1, 2, 3].map((outlet) => ({ pdu: 'pdu-a', outlet: outlet + 8 })),
      `${M1}/feeds`,
    ],
    [
      'five feeds of a server',
      `${P1}/feeds`,
      [1, 2, 3, 4, 5].map((outlet) => ({ pdu: 'pdu-a', outlet: outlet + 6 })),
      `${P1}/feeds`,
    ],
    ['1,001 servers', '/spec/servers', new Array(1001).fill(server1), '/spec/servers'],
    ['133 PDUs', '/spec/pdus', new Array(133).fill(raw.spec.pdus[0]), '/spec/pdus'],
  ])('%s is refused at its place', (_title, pointer, value, faultAt) => {
    const pointers = faultsOf(withValue(rawSite(), pointer, value)).map((fault) => fault.pointer)
    expect(pointers).toContain(faultAt)
  })

  test('one hypervisor address serves one server only', () => {
    const host = { ...server3, name: 'PSERVER4', bmc: server2?.bmc }
    const raw = withValue(rawSite(), '/spec/servers/3', host)
    expect(faultsOf(raw).map(({ pointer }) => pointer)).toContain(
      '/spec/servers/3/hypervisor/address',
    )
  })

  test('two spellings of one IPv6 address are one address', () => {
    const one = withValue(rawSite(), '/spec/clusters/0/systems/0/address', 'fd00::a:1')
    const both = withValue(one, '/spec/clusters/0/systems/1/address', 'FD00:0:0:0:0:0:000A:1')
    expect(faultsOf(both).map(({ pointer }) => pointer)).toEqual([
      '/spec/clusters/0/systems/1/address',
    ])
  })

  test('a number repeats between clusters with different ports, and not with equal ones', () => {
    const again = withValue(rawSite(), '/spec/clusters/1/systems/0/number', 10_001)
    expect(faultsOf(again)).toEqual([])
    const samePort = withValue(again, '/spec/clusters/1/systems/0/port', 6001)
    expect(faultsOf(samePort).map(({ pointer }) => pointer)).toEqual([
      '/spec/clusters/1/systems/0/number',
    ])
  })

  test('a pair guard is refused in a cluster of three systems', () => {
    const third = { number: 3, name: 'c', server: 'PSERVER4', address: '192.168.0.103', port: 6001 }
    const more = withValue(rawSite(), '/spec/servers/3', {
      ...rawServer('PSERVER4', 4),
      pairGuard: false,
    })
    const pointers = faultsOf(withValue(more, '/spec/clusters/0/systems/2', third)).map(
      (f) => f.pointer,
    )
    expect(pointers).toEqual([`${P1}/pairGuard`, '/spec/servers/1/pairGuard'])
  })

  test('a host carries 16 guests with a system, and not 17', () => {
    const guest = (index: number) => ({
      number: 100 + index,
      name: `vm${index}`,
      server: 'PSERVER3',
      guest: `vm${index}`,
      address: `10.9.0.${index + 1}`,
      port: 6002,
    })
    const systems = Array.from({ length: 17 }, (_, index) => guest(index))
    const at = '/spec/clusters/1/systems'
    expect(faultsOf(withValue(rawSite(), at, systems.slice(0, 16)))).toEqual([])
    expect(faultsOf(withValue(rawSite(), at, systems)).map(({ pointer }) => pointer)).toEqual([
      '/spec/servers/2/hypervisor',
    ])
  })

  test('all faults are told at once', () => {
    const one = withValue(rawSite(), '/spec/hardResetAfterMs', 1)
    const two = withValue(one, `${P1}/bmc/port`, 0)
    const three = withValue(two, '/spec/pdus/1/address', '192.168.1.101')
    expect(faultsOf(three).map(({ pointer }) => pointer)).toEqual([
      '/spec/hardResetAfterMs',
      `${P1}/bmc/port`,
      '/spec/pdus/1/address',
    ])
  })

  test('a hostile document gets a report of bounded length', () => {
    const fields = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`f${index}`, 1]))
    const faults = faultsOf({ ...rawSite(), ...fields })
    expect(faults).toHaveLength(201)
    expect(faults.at(-1)?.detail).toBe('4800 more faults are not listed')
  })
})

test('readiness warnings name the single agent, unproven wiring and a cluster of one', () => {
  const raw = withValue(rawSite(), '/spec/managementServers', [rawSite().spec.managementServers[0]])
  const verdict = validateSite(raw)
  const codes =
    'warnings' in verdict ? verdict.warnings.map(({ code, subject }) => [code, subject]) : []
  expect(codes).toEqual([
    ['agent-not-redundant', 'tokyo1'],
    ['wiring-unproven', 'HACON1'],
    ['wiring-unproven', 'PSERVER1'],
    ['wiring-unproven', 'PSERVER2'],
    ['systems-not-registered', 'db'],
    ['pair-not-announced', 'db'],
    ['cluster-without-partner', 'app'],
    ['systems-not-registered', 'app'],
  ])
})

describe('any input', () => {
  test('is judged without an exception, and every fault points at something', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, maxDepth: 4 }), (raw) => {
        for (const fault of faultsOf(raw)) {
          expect(fault.allowed).not.toBe('')
          expect(fault.pointer).toMatch(/^(\/.*)?$/s)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('put in the place of any part of a good document is judged without an exception', () => {
    const places = pointersOf(rawSite())
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.anything({ maxDepth: 3 }), (place, value) => {
        const raw = withValue(rawSite(), place, value)
        const verdict = validateSite(raw, accepted(rawSite()))
        if ('site' in verdict)
          expect(validateSite(verdict.site)).toMatchObject({ site: verdict.site })
      }),
      { numRuns: 2000 },
    )
  })
})

function pointersOf(value: unknown, pointer = ''): string[] {
  if (typeof value !== 'object' || value === null) return [pointer]
  const inner = Object.entries(value).flatMap(([key, part]) =>
    pointersOf(part, `${pointer}/${key}`),
  )
  return pointer === '' ? inner : [pointer, ...inner]
}
