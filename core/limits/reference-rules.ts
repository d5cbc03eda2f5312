// What refers to what: feeds to PDUs and their outlets, systems to servers and guests (spec domain.md §2).
import type { SiteDocument, SiteSpec } from '../site.ts'
import { HYPERVISOR_GUESTS_MAX, SYSTEMS_MAX } from './bounds.ts'
import { at, type Item, type RuleFault, shown } from './fault.ts'
import { type PduModels, pduRules } from './pdu-rules.ts'
import { eachSystem, named } from './unique-rules.ts'

export function referenceRules({ spec }: SiteDocument, models: PduModels): RuleFault[] {
  return [
    ...pduRules(spec, models),
    ...systemServers(spec),
    ...oneSystemEach(spec),
    ...guestCounts(spec),
    ...systemCount(spec),
  ]
}

function systemServers(spec: SiteSpec): RuleFault[] {
  const servers = new Map(spec.servers.map((server) => [server.name, server]))
  const managing = new Set(spec.managementServers.map(({ name }) => name))
  return eachSystem(spec).flatMap(({ system, item, pointer }): RuleFault[] => {
    const involves: Item[] = [item, { subject: 'server', name: system.server }]
    const fault = (field: 'server' | 'guest', allowed: string, detail: string): RuleFault[] => [
      { pointer: at(pointer, field), field, ...shown(system[field]), allowed, detail, involves },
    ]
    const server = servers.get(system.server)
    if (!server) {
      if (system.server === '') return []
      const why = managing.has(system.server)
        ? 'is a management server and can never be managed itself'
        : 'is no server of this site'
      return fault(
        'server',
        'the name of a server of this site',
        `system ${system.number} names "${system.server}", which ${why}`,
      )
    }
    if (server.hypervisor && system.guest === undefined) {
      return fault(
        'guest',
        'the name of the VM',
        `system ${system.number} lies on the virtual server ${server.name} and names no guest`,
      )
    }
    if (!server.hypervisor && system.guest !== undefined) {
      return fault(
        'guest',
        'left out for a physical server, or the server given a hypervisor',
        `system ${system.number} names a guest, but ${server.name} has no hypervisor`,
      )
    }
    return []
  })
}

function oneSystemEach(spec: SiteSpec): RuleFault[] {
  const physical = new Set(
    spec.servers.filter(({ hypervisor }) => !hypervisor).map(({ name }) => name),
  )
  const first = new Map<string, Item>()
  return eachSystem(spec).flatMap(({ system, item, pointer }): RuleFault[] => {
    if (!physical.has(system.server) || system.guest !== undefined) return []
    const other = first.get(system.server)
    if (!other) {
      first.set(system.server, item)
      return []
    }
    return [
      {
        pointer: at(pointer, 'server'),
        field: 'server',
        ...shown(system.server),
        allowed: 'a physical server that carries no other system',
        detail: `the physical server ${system.server} carries a system of ${named(other)} already`,
        involves: [item, other, { subject: 'server', name: system.server }],
      },
    ]
  })
}

function guestCounts(spec: SiteSpec): RuleFault[] {
  const counts = Map.groupBy(
    eachSystem(spec).filter(({ system }) => system.guest !== undefined),
    ({ system }) => system.server,
  )
  return spec.servers.flatMap(({ name, hypervisor }, index): RuleFault[] => {
    const guests = counts.get(name) ?? []
    if (!hypervisor || guests.length <= HYPERVISOR_GUESTS_MAX) return []
    return [
      {
        pointer: `/spec/servers/${index}/hypervisor`,
        field: 'hypervisor',
        value: guests.length,
        allowed: `at most ${HYPERVISOR_GUESTS_MAX} guests with a system`,
        detail: `${name} carries ${guests.length} guests with a system`,
        involves: [{ subject: 'server', name }, ...guests.map(({ item }) => item)],
      },
    ]
  })
}

function systemCount(spec: SiteSpec): RuleFault[] {
  const count = spec.clusters.reduce((sum, { systems }) => sum + systems.length, 0)
  if (count <= SYSTEMS_MAX) return []
  return [
    {
      pointer: '/spec/clusters',
      field: 'clusters',
      value: count,
      allowed: `at most ${SYSTEMS_MAX} systems`,
      detail: `the site has ${count} systems in all; at most ${SYSTEMS_MAX} are allowed`,
      involves: spec.clusters.map(({ name }) => ({ subject: 'cluster', name })),
    },
  ]
}
