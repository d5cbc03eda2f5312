// What must be unique in a site, management servers included (spec domain.md §2).
import type { SiteDocument, SiteSpec } from '../site.ts'
import { canonicalAddress } from './address.ts'
import { at, type Item, type RuleFault, shown } from './fault.ts'

/** One place that holds a value which no second place may hold. */
interface Holder {
  item: Item
  pointer: string
  field: string
  value: string | number
  /** Two holders with equal keys collide; undefined when the value is faulty anyway. */
  key: string | undefined
}

export function uniqueRules({ spec }: SiteDocument): RuleFault[] {
  return [
    ...collisions(machineNames(spec), 'a name that no other machine of the site has'),
    ...collisions(listNames(spec, 'pdu', 'pdus'), 'a name that no other PDU has'),
    ...collisions(listNames(spec, 'cluster', 'clusters'), 'a name that no other cluster has'),
    ...collisions(bmcAddresses(spec), 'an address and port that no other BMC of the site has'),
    ...collisions(hypervisorAddresses(spec), 'an address that no other hypervisor has'),
    ...collisions(pduAddresses(spec), 'an address, port, unit and branch that no other PDU has'),
    ...collisions(peerAddresses(spec), 'an address and port that no other peer has'),
    ...collisions(outlets(spec), 'an outlet that feeds nothing else'),
    ...collisions(systemAddresses(spec), 'an address that no other system of the site has'),
    ...collisions(numbersInCluster(spec), 'a number that is unique in its cluster'),
    ...collisions(
      numbersByPort(spec),
      'a number that repeats only between clusters with different system ports',
    ),
    ...collisions(systemNames(spec), 'a name that is unique in its cluster'),
  ]
}

function collisions(holders: readonly Holder[], allowed: string): RuleFault[] {
  const first = new Map<string, Holder>()
  const faults: RuleFault[] = []
  for (const holder of holders) {
    if (holder.key === undefined) continue
    const other = first.get(holder.key)
    if (!other) {
      first.set(holder.key, holder)
      continue
    }
    faults.push({
      pointer: at(holder.pointer, holder.field),
      field: holder.field,
      ...shown(holder.value),
      allowed,
      detail: `${holder.field} ${holder.value} of ${named(holder.item)} is taken by ${named(other.item)}`,
      involves: [holder.item, other.item],
    })
  }
  return faults
}

export function named({ subject, name }: Item): string {
  const words = { managementServer: 'management server', pdu: 'PDU', site: 'site' }
  return `${words[subject as keyof typeof words] ?? subject} ${name}`
}

/** Servers, management servers and guests share one space of names: a machine has one name. */
function machineNames(spec: SiteSpec): Holder[] {
  const guests = eachSystem(spec).flatMap(({ system, item, pointer }) =>
    system.guest === undefined
      ? []
      : [{ item, pointer, field: 'guest', value: system.guest, key: system.guest || undefined }],
  )
  return [
    ...listNames(spec, 'managementServer', 'managementServers'),
    ...listNames(spec, 'server', 'servers'),
    ...guests,
  ]
}

function listNames(
  spec: SiteSpec,
  subject: Item['subject'],
  list: 'managementServers' | 'servers' | 'pdus' | 'clusters',
): Holder[] {
  return spec[list].map(({ name }, index) => ({
    item: { subject, name },
    pointer: `/spec/${list}/${index}`,
    field: 'name',
    value: name,
    key: name || undefined,
  }))
}

function addressHolder(item: Item, pointer: string, address: string, port?: number): Holder {
  const canonical = canonicalAddress(address)
  const key = canonical === undefined ? undefined : `${canonical} ${port ?? ''}`
  return { item, pointer, field: 'address', value: address, key }
}

/** Servers and management servers, each with its pointer. */
export function eachMachine(spec: SiteSpec) {
  return [
    ...spec.managementServers.map((machine, index) => ({
      machine,
      item: { subject: 'managementServer', name: machine.name } satisfies Item,
      pointer: `/spec/managementServers/${index}`,
    })),
    ...spec.servers.map((machine, index) => ({
      machine,
      item: { subject: 'server', name: machine.name } satisfies Item,
      pointer: `/spec/servers/${index}`,
    })),
  ]
}

export function eachSystem(spec: SiteSpec) {
  return spec.clusters.flatMap((cluster, index) =>
    cluster.systems.map((system, position) => ({
      system,
      cluster,
      item: { subject: 'cluster', name: cluster.name } satisfies Item,
      pointer: `/spec/clusters/${index}/systems/${position}`,
    })),
  )
}

function bmcAddresses(spec: SiteSpec): Holder[] {
  return eachMachine(spec).flatMap(({ machine: { bmc }, item, pointer }) =>
    bmc ? [addressHolder(item, `${pointer}/bmc`, bmc.address, bmc.port)] : [],
  )
}

function hypervisorAddresses(spec: SiteSpec): Holder[] {
  return spec.servers.flatMap(({ name, hypervisor }, index) => {
    const item: Item = { subject: 'server', name }
    const pointer = `/spec/servers/${index}/hypervisor`
    return hypervisor ? [addressHolder(item, pointer, hypervisor.address)] : []
  })
}

function pduAddresses(spec: SiteSpec): Holder[] {
  return spec.pdus.map(({ name, address, port, unit = 1, branch = 1 }, index) => {
    const holder = addressHolder({ subject: 'pdu', name }, `/spec/pdus/${index}`, address, port)
    return { ...holder, key: holder.key && `${holder.key} ${unit} ${branch}` }
  })
}

function peerAddresses(spec: SiteSpec): Holder[] {
  return spec.managementServers.flatMap(({ name, peer }, index) => {
    const item: Item = { subject: 'managementServer', name }
    const pointer = `/spec/managementServers/${index}/peer`
    return peer ? [addressHolder(item, pointer, peer.address, peer.port)] : []
  })
}

function outlets(spec: SiteSpec): Holder[] {
  return eachMachine(spec).flatMap(({ machine, item, pointer }) =>
    machine.feeds.map(({ pdu, outlet }, index) => ({
      item,
      pointer: `${pointer}/feeds/${index}`,
      field: 'outlet',
      value: outlet,
      key: pdu === '' || Number.isNaN(outlet) ? undefined : `${outlet} ${pdu}`,
    })),
  )
}

function systemAddresses(spec: SiteSpec): Holder[] {
  return eachSystem(spec).map(({ system, item, pointer }) =>
    addressHolder(item, pointer, system.address),
  )
}

function numberHolders(spec: SiteSpec, scope: (port: number, cluster: number) => string): Holder[] {
  const index = new Map(spec.clusters.map((cluster, position) => [cluster, position]))
  return eachSystem(spec).map(({ system: { number, port }, cluster, item, pointer }) => {
    const key = Number.isNaN(number)
      ? undefined
      : `${number} ${scope(port, index.get(cluster) ?? 0)}`
    return { item, pointer, field: 'number', value: number, key }
  })
}

function numbersInCluster(spec: SiteSpec): Holder[] {
  return numberHolders(spec, (_port, cluster) => String(cluster))
}

/** The first of each cluster only: a repetition inside a cluster is told once already. */
function numbersByPort(spec: SiteSpec): Holder[] {
  const seen = new Set<string>()
  return numberHolders(spec, (port) => String(port)).filter(({ key, pointer }) => {
    const own = `${pointer.split('/')[3]} ${key}`
    if (seen.has(own)) return false
    seen.add(own)
    return true
  })
}

function systemNames(spec: SiteSpec): Holder[] {
  return eachSystem(spec).map(({ system: { name }, item, pointer }) => ({
    item,
    pointer,
    field: 'name',
    value: name,
    key: name === '' ? undefined : `${pointer.split('/')[3]} ${name}`,
  }))
}
