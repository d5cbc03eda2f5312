// The reset path of every server of a site, from the last-known values and who is connected (spec domain.md §6).
// Pure. A value that nobody can vouch for any more counts as no way to the device.
import { agentWarnings } from '../core/limits/readiness.ts'
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
import type { LastKnown } from '../db/observations.ts'
import type { Presence } from './ports.ts'
import { Values } from './status.ts'

export interface ResetPathSources {
  site: SiteDocument
  agents: readonly AgentRow[]
  presence: readonly Presence[]
  observations: readonly LastKnown[]
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
  const values = new Values(sources.observations, sources.presence)
  return site.spec.servers
    .filter(({ hypervisor }) => !hypervisor)
    .map((server) => {
      const systems = systemsOf(site, server.name)
      const [system] = systems
      const plan = planReset(site, { server, ...(system ? { system } : {}) }, 'ladder')
      return {
        server: server.name,
        systems: systems.map(({ cluster, number, name }) => ({ cluster, number, name })),
        ...checkResetPath(plan, factsOf(server, sources, values)),
      }
    })
}

function factsOf({ name }: Server, sources: ResetPathSources, values: Values): PathFacts {
  const find = values.findLive.bind(values)
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
  const { metadata, spec } = site
  const warned = agentWarnings(spec.managementServers, metadata.name)
  if (spec.managementServers.length < 2) return warned
  const missing = spec.managementServers
    .filter(({ name }) => !presence.some(({ agent }) => agent === name))
    .map(({ name }) => {
      const is = agents.some((agent) => agent.name === name) ? 'connected' : 'enrolled'
      const detail = `the agent of ${name} is not ${is}`
      return { code: 'standby-missing', subject: name, detail }
    })
  return [...missing, ...warned]
}

function linkOf(row: LastKnown | undefined): DeviceLink {
  if (row?.value !== 'OK' && row?.value !== 'NG') return { link: '--' }
  return { link: row.value, detail: row.detail }
}

function identityOf(row: LastKnown | undefined): PathFacts['identity'] {
  const value = row?.value
  return value === 'proven' || value === 'mismatch' ? value : 'unproven'
}

function outletOf(row: LastKnown | undefined): Power {
  if (row?.value === 'Enable') return 'on'
  return row?.value === 'Disable' ? 'off' : 'unknown'
}
