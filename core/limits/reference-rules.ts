// What refers to what: feeds to PDUs and their outlets, systems to servers and guests (spec domain.md §2).
import type { PduModel } from '../pdu-model.ts'
import type { SiteDocument, SiteSpec } from '../site.ts'
import { HYPERVISOR_GUESTS_MAX, SYSTEMS_MAX } from './bounds.ts'
import { at, type Item, type RuleFault, shown } from './fault.ts'
import { eachMachine, eachSystem, named } from './unique-rules.ts'

/** What the table of models tells about each. */
export type PduModels = readonly Pick<PduModel, 'name' | 'maxOutlets'>[]

export function referenceRules({ spec }: SiteDocument, models: PduModels): RuleFault[] {
  return [
    ...pduModels(spec, models),
    ...feeds(spec, models),
    ...systemServers(spec),
    ...oneSystemEach(spec),
    ...guestCounts(spec),
    ...systemCount(spec),
  ]
}

function pduModels(spec: SiteSpec, models: PduModels): RuleFault[] {
  const known = models.map(({ name }) => name)
  return spec.pdus.flatMap(({ name, model }, index) =>
    model === '' || known.includes(model)
      ? []
      : [
          {
            pointer: `/spec/pdus/${index}/model`,
            field: 'model',
            ...shown(model),
            allowed: known.join(', '),
            detail: `PDU ${name} has the unknown model "${model.slice(0, 100)}"`,
            involves: [{ subject: 'pdu', name }],
          },
        ],
  )
}

function feeds(spec: SiteSpec, models: PduModels): RuleFault[] {
  const pdus = new Map(spec.pdus.map((pdu) => [pdu.name, pdu]))
  return eachMachine(spec).flatMap(({ machine, item, pointer }) =>
    machine.feeds.flatMap((feed, index): RuleFault[] => {
      const place = `${pointer}/feeds/${index}`
      const involves: Item[] = [item, { subject: 'pdu', name: feed.pdu }]
      const pdu = pdus.get(feed.pdu)
      if (!pdu) {
        const detail = `${named(item)} is fed by the PDU "${feed.pdu}", which the site has not (any more)`
        const allowed = 'the name of a PDU of this site; a PDU goes only after its feeds'
        return [
          {
            pointer: at(place, 'pdu'),
            field: 'pdu',
            ...shown(feed.pdu),
            allowed,
            detail,
            involves,
          },
        ]
      }
      const count = models.find(({ name }) => name === pdu.model)?.maxOutlets
      if (count === undefined || !(feed.outlet > count)) return []
      return [
        {
          pointer: at(place, 'outlet'),
          field: 'outlet',
          value: feed.outlet,
          allowed: `1 to ${count}, the outlets of a ${pdu.model}`,
          detail: `${named(item)} names outlet ${feed.outlet} of PDU ${pdu.name}, which has ${count}`,
          involves,
        },
      ]
    }),
  )
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
