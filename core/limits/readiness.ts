// Readiness warnings: what is allowed and yet keeps a reset from being as sure as it could be
// (spec domain.md §2, §4 and §6).
import type { Cluster, ManagementServer, SiteDocument, SystemRef } from '../site.ts'
import type { Warning } from './fault.ts'
import { eachMachine, named } from './unique-rules.ts'

/** What only a running site can tell; nothing is known of a new one. */
export interface Readiness {
  /** Servers and management servers whose wiring was proven since its last change. */
  provenWiring?: readonly string[]
  /** Systems that have registered. */
  registered?: readonly SystemRef[]
}

export function readinessWarnings(site: SiteDocument, known: Readiness = {}): Warning[] {
  const { spec, metadata } = site
  const guarded = new Set(spec.servers.filter((s) => s.pairGuard).map(({ name }) => name))
  return [
    ...agentWarnings(spec.managementServers, metadata.name),
    ...wiringWarnings(site, known),
    ...spec.clusters.flatMap((cluster) => clusterWarnings(cluster, guarded, known)),
  ]
}

/** What keeps one agent from taking over from the other. */
export function agentWarnings(servers: readonly ManagementServer[], site: string): Warning[] {
  if (servers.length === 1) {
    const detail = 'there is a single agent: nobody takes over when it fails'
    return [{ code: 'agent-not-redundant', subject: site, detail }]
  }
  return servers
    .filter(({ bmc }) => !bmc)
    .map(({ name }) => ({
      code: 'management-server-not-resettable',
      subject: name,
      detail: `${name} has no BMC in the site file: the other agent cannot reset it when it hangs`,
    }))
}

function wiringWarnings({ spec }: SiteDocument, { provenWiring = [] }: Readiness): Warning[] {
  const proven = new Set(provenWiring)
  return eachMachine(spec)
    .filter(({ machine }) => machine.pduControl && !proven.has(machine.name))
    .map(({ machine, item }) => ({
      code: 'wiring-unproven',
      subject: machine.name,
      detail: `PDU control of ${named(item)} is on and its wiring is not proven since its last change`,
    }))
}

function clusterWarnings(
  cluster: Cluster,
  guarded: ReadonlySet<string>,
  known: Readiness,
): Warning[] {
  const { name, systems } = cluster
  const warnings: Warning[] = []
  if (systems.length < 2) {
    const count = systems.length === 0 ? 'no system' : 'a single system'
    const detail = `cluster ${name} has ${count}: nobody can take over`
    warnings.push({ code: 'cluster-without-partner', subject: name, detail })
  }
  const registered = new Set(
    (known.registered ?? []).filter((ref) => ref.cluster === name).map(({ number }) => number),
  )
  const silent = systems.filter(({ number }) => !registered.has(number))
  if (silent.length === 0) return warnings
  const numbers = silent.slice(0, 8).map(({ number }) => number)
  const more = silent.length > numbers.length ? ' and more' : ''
  warnings.push({
    code: 'systems-not-registered',
    subject: name,
    detail: `not registered in cluster ${name}: ${numbers.join(', ')}${more}`,
  })
  if (systems.some(({ server }) => guarded.has(server))) {
    const detail = `the pair guard of cluster ${name} waits for both systems to register`
    warnings.push({ code: 'pair-not-announced', subject: name, detail })
  }
  return warnings
}
