// From a site document and a request to the frozen plan of one reset.
import type { Plan, ResetMode, SystemAddress } from './plan.ts'
import { findServer, type Server, type SiteDocument, type System, systemsOf } from './site.ts'

/** The longest the hard step may be put off, and what `off` means (spec domain.md §2). */
export const HARD_RESET_AFTER_DEFAULT_MS = 5000
/** How long the BMC may stay silent after the hard request when PDU control is off. */
export const HARD_RESET_TIMEOUT_WITHOUT_PDU_MS = 10_000

export interface TargetQuestion {
  system?: number | undefined
  cluster?: string | undefined
  server?: string | undefined
}

export type ResolveRefusal = {
  code:
    | 'ambiguous-system'
    | 'unknown-system'
    | 'unknown-server'
    | 'unknown-cluster'
    | 'guest-reset-unavailable'
    | 'unknown-requester'
  detail: string
}

export type ClusterSystem = System & { cluster: string }

export interface ResolvedTarget {
  server: Server
  /** The system that is to stop; absent for a server that carries none. */
  system?: ClusterSystem
}

/** Finds the one machine that a request means, or says why there is none or more than one. */
export function resolveTarget(
  site: SiteDocument,
  target: TargetQuestion,
): ResolvedTarget | ResolveRefusal {
  if (target.system !== undefined) return resolveSystemTarget(site, target.system, target.cluster)
  const server = findServer(site, target.server ?? '')
  if (!server) {
    return { code: 'unknown-server', detail: `no server is named "${target.server ?? ''}"` }
  }
  if (server.hypervisor) return guestUnavailable(server.name)
  const [system] = systemsOf(site, server.name)
  return system ? { server, system } : { server }
}

function resolveSystemTarget(
  site: SiteDocument,
  number: number,
  cluster: string | undefined,
): ResolvedTarget | ResolveRefusal {
  const system = resolveSystem(site, number, cluster)
  if ('code' in system) return system
  const server = findServer(site, system.server)
  if (!server) {
    return { code: 'unknown-server', detail: `system ${number} names no server of this site` }
  }
  if (server.hypervisor || system.guest !== undefined) return guestUnavailable(server.name)
  return { server, system }
}

/** A system number may repeat between clusters: without the cluster it must be the only one. */
export function resolveSystem(
  site: SiteDocument,
  number: number,
  cluster: string | undefined,
): ClusterSystem | ResolveRefusal {
  if (cluster !== undefined && !site.spec.clusters.some(({ name }) => name === cluster)) {
    return { code: 'unknown-cluster', detail: `no cluster is named "${cluster}"` }
  }
  const found = site.spec.clusters
    .filter(({ name }) => cluster === undefined || name === cluster)
    .flatMap(({ name, systems }) => systems.map((system) => ({ ...system, cluster: name })))
    .filter((system) => system.number === number)
  const [only, second] = found
  if (!only) {
    const where = cluster === undefined ? 'this site' : `cluster "${cluster}"`
    return { code: 'unknown-system', detail: `no system has the number ${number} in ${where}` }
  }
  if (second) {
    const clusters = found.map((system) => `"${system.cluster}"`).join(', ')
    return {
      code: 'ambiguous-system',
      detail: `system ${number} exists in the clusters ${clusters}; name one of them`,
    }
  }
  return only
}

/** The system that asks. Without a cluster, the target's own is looked at first. */
export function resolveRequester(
  site: SiteDocument,
  requester: { system: number; cluster?: string | undefined },
  targetCluster?: string,
): SystemAddress | ResolveRefusal {
  const inTarget =
    requester.cluster === undefined && targetCluster !== undefined
      ? resolveSystem(site, requester.system, targetCluster)
      : undefined
  const found =
    inTarget && !('code' in inTarget)
      ? inTarget
      : resolveSystem(site, requester.system, requester.cluster)
  if ('code' in found) return { code: 'unknown-requester', detail: found.detail }
  return addressOf(found)
}

function guestUnavailable(server: string): ResolveRefusal {
  return {
    code: 'guest-reset-unavailable',
    detail: `server "${server}" carries guests; resets of guests are not available in this version`,
  }
}

export function addressOf({ cluster, number, address, port }: ClusterSystem): SystemAddress {
  return { cluster, number, address, port }
}

/** The plan as it is frozen into the accepting record (spec domain.md §8). */
export function planReset(site: SiteDocument, target: ResolvedTarget, mode: ResetMode): Plan {
  const { server, system } = target
  const clusters = site.spec.clusters.filter(({ systems }) =>
    systems.some((member) => member.server === server.name),
  )
  const confirmed = clusters.some(({ requireGrade }) => requireGrade === 'confirmed')
  return {
    server: server.name,
    kind: 'P',
    ...(system ? { system: addressOf(system) } : {}),
    mode,
    softMethod: server.softMethod,
    hardMethod: confirmed ? 'off-on' : server.hardMethod,
    hardResetAfterMs: hardResetAfterMs(site, server),
    hardResetTimeoutMs:
      server.pduControl && server.hardResetTimeoutS !== undefined
        ? server.hardResetTimeoutS * 1000
        : HARD_RESET_TIMEOUT_WITHOUT_PDU_MS,
    feeds: server.pduControl ? plannedFeeds(site, server) : [],
    pduRecoveryWaitMs: (server.pduRecoveryWaitS ?? 0) * 1000,
    holdUpMs: server.holdUpMs,
    requireGrade: confirmed ? 'confirmed' : 'acknowledged',
    bmc: { address: server.bmc.address, port: server.bmc.port },
  }
}

function hardResetAfterMs(site: SiteDocument, server: Server): number {
  if (server.hardResetAfterMs !== undefined) return server.hardResetAfterMs
  const { hardResetAfterMs } = site.spec
  return hardResetAfterMs === 'off' ? HARD_RESET_AFTER_DEFAULT_MS : hardResetAfterMs
}

/** Every feed of a server with the address of its PDU, whether or not PDU control is on. */
export function plannedFeeds(site: SiteDocument, server: Pick<Server, 'feeds'>): Plan['feeds'] {
  return server.feeds.map(({ pdu, outlet }) => {
    const device = site.spec.pdus.find(({ name }) => name === pdu)
    if (!device) throw new Error(`feed of an unknown PDU ${pdu}: the document was not validated`)
    return { pdu, pduAddress: device.address, outlet }
  })
}
