// What one setting asks of others: PDU control, pair guard and ports (spec domain.md §2 and §4).
import type { Cluster, Server, SiteDocument, SiteSpec } from '../site.ts'
import { MANAGEMENT_SERVERS_MAX } from './bounds.ts'
import { at, type Item, type RuleFault } from './fault.ts'
import { eachMachine, named } from './unique-rules.ts'

export function settingRules({ spec, metadata }: SiteDocument): RuleFault[] {
  return [
    ...managementServerCount(spec, metadata.name),
    ...pduControl(spec),
    ...pairGuard(spec),
    ...clusterPorts(spec),
    ...ownPorts(spec, metadata.name),
  ]
}

function managementServerCount(spec: SiteSpec, site: string): RuleFault[] {
  if (spec.managementServers.length > 0) return []
  return [
    {
      pointer: '/spec/managementServers',
      field: 'managementServers',
      allowed: `1 to ${MANAGEMENT_SERVERS_MAX}, one for each agent`,
      detail: `the site ${site} has no management server: no agent could serve it`,
      involves: [],
    },
  ]
}

function pduControl(spec: SiteSpec): RuleFault[] {
  return eachMachine(spec).flatMap(({ machine, item, pointer }): RuleFault[] => {
    if (!machine.pduControl) return []
    const needs = [
      { field: 'feeds', given: machine.feeds.length > 0, allowed: 'at least one feed' },
      {
        field: 'hardResetTimeoutS',
        given: machine.hardResetTimeoutS !== undefined,
        allowed: '5 to 60 seconds',
      },
      {
        field: 'pduRecoveryWaitS',
        given: !isServer(machine) || machine.pduRecoveryWaitS !== undefined,
        allowed: '5 to 60 seconds, or 0 for never by itself',
      },
    ]
    return needs
      .filter(({ given }) => !given)
      .map(({ field, allowed }) => ({
        pointer: at(pointer, field),
        field,
        allowed,
        detail: `PDU control of ${named(item)} is on and needs ${field}: ${allowed}`,
        involves: [item],
      }))
  })
}

function isServer(machine: object): machine is Server {
  return 'softMethod' in machine
}

/** On for both servers of a two-system cluster; on a hypervisor for every system there. */
function pairGuard(spec: SiteSpec): RuleFault[] {
  const guarded = new Set(spec.servers.filter((server) => server.pairGuard).map(({ name }) => name))
  const clustersOf = new Map<string, Set<Cluster>>()
  for (const cluster of spec.clusters) {
    for (const { server } of cluster.systems) {
      const clusters = clustersOf.get(server) ?? new Set()
      clustersOf.set(server, clusters.add(cluster))
    }
  }
  return spec.servers.flatMap(({ name, pairGuard: on }, index): RuleFault[] => {
    if (!on) return []
    const clusters = [...(clustersOf.get(name) ?? [])]
    const why = pairFault(name, clusters, guarded)
    if (why === undefined) return []
    const partners = clusters.flatMap(({ systems }) => systems.map(({ server }) => server))
    return [
      {
        pointer: `/spec/servers/${index}/pairGuard`,
        field: 'pairGuard',
        value: true,
        allowed: 'true only on both servers of a two-system cluster',
        detail: `the pair guard of ${name} cannot be on: ${why}`,
        involves: [
          { subject: 'server', name },
          ...clusters.map((cluster): Item => ({ subject: 'cluster', name: cluster.name })),
          ...[...new Set(partners)].map((partner): Item => ({ subject: 'server', name: partner })),
        ],
      },
    ]
  })
}

function pairFault(
  name: string,
  clusters: readonly Cluster[],
  guarded: ReadonlySet<string>,
): string | undefined {
  if (clusters.length === 0) return 'it carries no system of a cluster'
  for (const cluster of clusters) {
    if (cluster.systems.length !== 2) {
      return `cluster ${cluster.name} has ${cluster.systems.length} systems, not two`
    }
    const off = cluster.systems.find(({ server }) => server !== name && !guarded.has(server))
    if (off) return `it is off on the other server ${off.server} of cluster ${cluster.name}`
  }
  return undefined
}

function clusterPorts(spec: SiteSpec): RuleFault[] {
  return spec.clusters.flatMap(({ name, systems }, index) => {
    const port = systems[0]?.port
    return systems.flatMap((system, position): RuleFault[] =>
      system.port === port || Number.isNaN(system.port) || Number.isNaN(port)
        ? []
        : [
            {
              pointer: `/spec/clusters/${index}/systems/${position}/port`,
              field: 'port',
              value: system.port,
              allowed: `${port}: all systems of one cluster use one port`,
              detail: `system ${system.number} of cluster ${name} uses another port than the first`,
              involves: [{ subject: 'cluster', name }],
            },
          ],
    )
  })
}

/** Reset path and peer link differ from each other and from every system port. */
function ownPorts(spec: SiteSpec, site: string): RuleFault[] {
  const path = spec.resetPath
  const peers = spec.managementServers.flatMap(({ name, peer }, index) =>
    peer
      ? [
          {
            port: peer.port,
            item: { subject: 'managementServer', name } satisfies Item,
            pointer: `/spec/managementServers/${index}/peer/port`,
          },
        ]
      : [],
  )
  const root: Item = { subject: 'site', name: site }
  const own = [
    ...(path ? [{ port: path.port, item: root, pointer: '/spec/resetPath/port' }] : []),
    ...peers,
  ]
  const fault = ({ port, item, pointer }: (typeof own)[number], other: Item): RuleFault => ({
    pointer,
    field: 'port',
    value: port,
    allowed: 'a port that is neither the other own port nor any system port',
    detail: `port ${port} of ${named(item)} is used by ${named(other)} too`,
    involves: [item, other],
  })
  return [
    ...peers.filter(({ port }) => port === path?.port).map((peer) => fault(peer, root)),
    ...own.flatMap((place) =>
      spec.clusters
        .filter(({ systems }) => systems.some(({ port }) => port === place.port))
        .map(({ name }) => fault(place, { subject: 'cluster', name })),
    ),
  ]
}
