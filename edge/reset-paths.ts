// The reset path of every server of a site, from the last-known values and who is connected (spec domain.md §6).
// Pure. A value that nobody can vouch for any more counts as no way to the device.
import type { Power } from '../core/outcome.ts'
import { planReset } from '../core/planner.ts'
import {
  checkResetPath,
  type DeviceLink,
  type PathCheck,
  type PathFacts,
  type PathProblem,
} from '../core/reset-path.ts'
import { type Server, type SiteDocument, systemsOf } from '../core/site.ts'
import type { AgentRow } from '../db/agents.ts'
import type { ObservationRow } from '../db/observations.ts'
import type { Presence } from './ports.ts'

export interface ResetPathSources {
  site: SiteDocument
  agents: readonly AgentRow[]
  presence: readonly Presence[]
  observations: readonly ObservationRow[]
  /** Servers with an effect that no device has answered. */
  loose: readonly string[]
}

export interface ResetPath extends PathCheck {
  server: string
  systems: { cluster: string; number: number; name: string }[]
}

/** In the order of the site document; hypervisors are left out, their guests cannot be reset yet. */
export function resetPaths(sources: ResetPathSources): ResetPath[] {
  const { site } = sources
  const known = new Map(
    sources.observations.map((row) => [
      JSON.stringify([row.subject, row.name, row.attribute]),
      row,
    ]),
  )
  const live = new Set(sources.presence.map(({ agent }) => agent))
  const find = (subject: ObservationRow['subject'], name: string, attribute: string) => {
    const row = known.get(JSON.stringify([subject, name, attribute]))
    return row && live.has(row.agent) ? row : undefined
  }
  return site.spec.servers
    .filter(({ hypervisor }) => !hypervisor)
    .map((server) => {
      const systems = systemsOf(site, server.name)
      const [system] = systems
      const plan = planReset(site, { server, ...(system ? { system } : {}) }, 'ladder')
      return {
        server: server.name,
        systems: systems.map(({ cluster, number, name }) => ({ cluster, number, name })),
        ...checkResetPath(plan, factsOf(server, sources, find)),
      }
    })
}

type Find = (
  subject: ObservationRow['subject'],
  name: string,
  attribute: string,
) => ObservationRow | undefined

function factsOf(server: Server, sources: ResetPathSources, find: Find): PathFacts {
  const { name } = server
  return {
    inactive: inactiveOf(sources),
    bmc: linkOf(find('server', name, 'bmc')),
    identity: identityOf(find('server', name, 'identity')),
    pdu: (pdu) => linkOf(find('pdu', pdu, 'link')),
    outlet: (pdu, outlet) => outletOf(find('outlet', `${pdu}/${outlet}`, 'state')),
    wiringProven: find('server', name, 'wiring')?.value === 'proven',
    loose: sources.loose.includes(name),
    seenToWork: find('server', name, 'reset')?.value === 'proven',
    redundancyLost: redundancyLostOf(sources),
  }
}

function inactiveOf({ agents, presence }: ResetPathSources): string | undefined {
  if (agents.length === 0) return 'no agent is enrolled: run `palisade agent enroll`'
  const trusted = agents.filter(({ rolledBack }) => !rolledBack)
  if (trusted.length === 0) return 'its agent lost part of its journal: enrol it anew'
  if (trusted.some(({ name }) => presence.some(({ agent }) => agent === name))) return undefined
  const names = trusted.map(({ name }) => name).join(', ')
  return `no agent is connected: look at ${names}`
}

function redundancyLostOf({ site, agents, presence }: ResetPathSources): PathProblem[] {
  const servers = site.spec.managementServers
  if (servers.length < 2) {
    const detail = 'there is a single agent: nobody takes over when it fails'
    return [{ code: 'agent-not-redundant', subject: site.metadata.name, detail }]
  }
  return servers.flatMap(({ name, bmc }): PathProblem[] => {
    const agent = agents.find((each) => each.name === name)
    const connected = presence.some((each) => each.agent === name)
    const missing = agent ? 'is not connected' : 'is not enrolled'
    return [
      ...(connected
        ? []
        : [{ code: 'standby-missing', subject: name, detail: `the agent of ${name} ${missing}` }]),
      ...(bmc
        ? []
        : [
            {
              code: 'management-server-not-resettable',
              subject: name,
              detail: `${name} has no BMC in the site file: the other agent cannot reset it`,
            },
          ]),
    ]
  })
}

function linkOf(row: ObservationRow | undefined): DeviceLink {
  if (row?.value !== 'OK' && row?.value !== 'NG') return { link: '--' }
  return { link: row.value, detail: row.detail }
}

function identityOf(row: ObservationRow | undefined): PathFacts['identity'] {
  const value = row?.value
  return value === 'proven' || value === 'mismatch' ? value : 'unproven'
}

function outletOf(row: ObservationRow | undefined): Power {
  if (row?.value === 'Enable') return 'on'
  return row?.value === 'Disable' ? 'off' : 'unknown'
}
