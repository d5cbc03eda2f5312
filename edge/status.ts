// The state of a site in the values of domain.md §5, from the last-known values and who is connected. Pure.
import type { Feed, ManagementServer, Pdu, Server, SiteDocument } from '../core/site.ts'
import type { AgentRow } from '../db/agents.ts'
import type { LastKnown } from '../db/observations.ts'
import type { Presence } from './ports.ts'

export interface Value {
  value: string
  /** When it was last known to be so; null when it was never read. */
  readAt: string | null
  /** Present when nobody can say that it still is so. */
  stale?: true
  detail?: string
}

type Subject = 'server' | 'managementServer' | 'pdu' | 'outlet' | 'system'

/** Looks values up, and judges how old they are. */
export class Values {
  readonly #known: ReadonlyMap<string, LastKnown>
  readonly #heardAt: ReadonlyMap<string, string>

  constructor(rows: readonly LastKnown[], presence: readonly Presence[]) {
    this.#known = new Map(rows.map((row) => [keyOf(row.subject, row.name, row.attribute), row]))
    this.#heardAt = new Map(presence.map(({ agent, heardAtMs }) => [agent, instantOf(heardAtMs)]))
  }

  find(subject: Subject, name: string, attribute: string): LastKnown | undefined {
    return this.#known.get(keyOf(subject, name, attribute))
  }

  /** Only what a connected agent vouches for. */
  findLive(subject: Subject, name: string, attribute: string): LastKnown | undefined {
    const row = this.find(subject, name, attribute)
    return row && this.#heardAt.has(row.agent) ? row : undefined
  }

  /**
   * `link` is the value of the link that it was read over. While that is OK and its agent is heard, silence
   * means no change; else the value is only the last known.
   */
  show(row: LastKnown | undefined, never: string, link?: string): Value {
    if (!row) return { value: never, readAt: null }
    const heardAt = this.#heardAt.get(row.agent)
    const detail = row.detail === '' ? {} : { detail: row.detail }
    const live = heardAt !== undefined && (link === undefined || link === 'OK')
    if (!live) return { value: row.value, readAt: row.readAt, stale: true, ...detail }
    return { value: row.value, readAt: row.readAt > heardAt ? row.readAt : heardAt, ...detail }
  }
}

/** No stored text holds a NUL. */
function keyOf(subject: string, name: string, attribute: string): string {
  return `${subject}\0${name}\0${attribute}`
}

export interface StatusSources {
  name: string
  revision: number
  site: SiteDocument | undefined
  agents: readonly AgentRow[]
  presence: readonly Presence[]
  observations: readonly LastKnown[]
}

export function siteStatus({
  name,
  revision,
  site,
  agents,
  presence,
  observations,
}: StatusSources) {
  const values = new Values(observations, presence)
  const owners = ownersOf(site)
  return {
    site: name,
    revision,
    mode: agents.length >= 2 ? ('redundant' as const) : ('single' as const),
    peerLink: { value: '--', readAt: null } as Value,
    agents: agents.map((agent) => showAgent(agent, presence, agents.length === 1)),
    managementServers: (site?.spec.managementServers ?? []).map((server) =>
      showManagementServer(server, values, agents, presence),
    ),
    servers: (site?.spec.servers ?? []).map((server) => showServer(server, values)),
    pdus: (site?.spec.pdus ?? []).map((pdu) => showPdu(pdu, values, owners)),
    systems: site ? showSystems(site, values) : [],
  }
}

function instantOf(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z')
}

type Role = 'active' | 'standby' | '---'

function roleOf(agent: string, presence: readonly Presence[], alone: boolean): Role {
  const connected = presence.some((seen) => seen.agent === agent)
  return connected && alone ? 'active' : '---'
}

export function showAgent(agent: AgentRow, presence: readonly Presence[], alone: boolean) {
  const seen = presence.find((candidate) => candidate.agent === agent.name)
  return {
    name: agent.name,
    role: roleOf(agent.name, presence, alone),
    connected: seen !== undefined,
    heardAt: seen ? instantOf(seen.heardAtMs) : agent.heardAt,
    version: agent.version,
    revision: agent.revision,
    /** It lost part of its journal and gets no order until it is enrolled anew. */
    rolledBack: agent.rolledBack,
  }
}

function showManagementServer(
  server: ManagementServer,
  values: Values,
  agents: readonly AgentRow[],
  presence: readonly Presence[],
) {
  const { name } = server
  const find = (attribute: string) => values.find('managementServer', name, attribute)
  const seen = presence.find(({ agent }) => agent === name)
  const state = find('state')
  const own: Value = seen
    ? { value: 'normal', readAt: instantOf(seen.heardAtMs) }
    : values.show(state, 'error')
  return {
    name,
    bmcAddress: server.bmc?.address ?? null,
    role: roleOf(name, presence, agents.length === 1),
    state: own,
    bmc: server.bmc ? values.show(find('bmc'), '--') : never(),
    pdu: server.pduControl ? values.show(find('pdu'), '--') : never(),
    wiring: server.feeds.length > 0 ? values.show(find('wiring'), '--') : never(),
  }
}

function showServer(server: Server, values: Values) {
  const find = (attribute: string) => values.find('server', server.name, attribute)
  const bmc = find('bmc')
  const identity = find('identity')
  return {
    name: server.name,
    bmcAddress: server.bmc.address,
    power: values.show(find('power'), '--', bmc?.value ?? '--'),
    bmc: values.show(bmc, '--'),
    pdu: server.pduControl ? values.show(find('pdu'), '--') : never(),
    esxi: server.hypervisor ? values.show(find('link'), '--') : never(),
    identity: values.show(identity, '--', bmc?.value ?? '--'),
    wiring: server.feeds.length > 0 ? values.show(find('wiring'), '--') : never(),
  }
}

interface Owner {
  owner: string
  class: 'P' | 'M'
}

/** By PDU and outlet. */
type Owners = ReadonlyMap<string, ReadonlyMap<number, Owner>>

function ownersOf(site: SiteDocument | undefined): Owners {
  const owners = new Map<string, Map<number, Owner>>()
  const own = (owner: Owner, feeds: readonly Feed[]) => {
    for (const { pdu, outlet } of feeds) {
      owners.set(pdu, (owners.get(pdu) ?? new Map<number, Owner>()).set(outlet, owner))
    }
  }
  for (const { name, feeds } of site?.spec.servers ?? []) own({ owner: name, class: 'P' }, feeds)
  for (const { name, feeds } of site?.spec.managementServers ?? []) {
    own({ owner: name, class: 'M' }, feeds)
  }
  return owners
}

function showPdu(pdu: Pdu, values: Values, owners: Owners) {
  const find = (attribute: string) => values.find('pdu', pdu.name, attribute)
  const link = find('link')
  const used = [...(owners.get(pdu.name) ?? [])].sort(([a], [b]) => a - b)
  return {
    name: pdu.name,
    address: pdu.address,
    model: pdu.model,
    modelRead: values.show(find('model'), '--', link?.value ?? '--'),
    firmware: values.show(find('firmware'), '--', link?.value ?? '--'),
    link: values.show(link, '--'),
    outlets: used.map(([outlet, { owner, class: kind }]) => ({
      outlet,
      state: values.show(
        values.find('outlet', `${pdu.name}/${outlet}`, 'state'),
        '--',
        link?.value ?? '--',
      ),
      class: kind,
      owner,
    })),
  }
}

function showSystems(site: SiteDocument, values: Values) {
  return site.spec.clusters.flatMap(({ name: cluster, systems }) =>
    systems.map((system) => ({
      cluster,
      number: system.number,
      name: system.name,
      server: system.server,
      guest: system.guest ?? null,
      state: values.show(values.find('system', `${cluster}/${system.number}`, 'state'), '----'),
      address: system.address,
      port: system.port,
      pair: '----',
    })),
  )
}

function never(): Value {
  return { value: '--', readAt: null }
}
