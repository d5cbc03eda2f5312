// Whether a cluster can spare one server for a test: another of its systems must be healthy (spec domain.md §9).
import { type Server, type SiteDocument, type System, systemsOf } from '../site.ts'
import { refuse, type TestRefusal } from './preconditions.ts'

/** Values in the words of domain.md §5; one that is only the last known counts as `--`. */
export interface SiteHealth {
  server(name: string): { power: string; bmc: string; pdu: string; openReset: boolean }
  system(cluster: string, number: number): string
}

/** Why this server must not lose a supply now. */
export function whyNotSpared(
  site: SiteDocument,
  name: string,
  health: SiteHealth,
  trustUnregistered: boolean,
): TestRefusal | undefined {
  if (health.server(name).openReset) {
    return refuse('reset-in-progress', `a reset of ${name} is open`)
  }
  for (const cluster of new Set(systemsOf(site, name).map((system) => system.cluster))) {
    const systems = site.spec.clusters.find((each) => each.name === cluster)?.systems ?? []
    const others = systems.filter(({ server }) => server !== name)
    const faults = others.map((system) => {
      const server = site.spec.servers.find((each) => each.name === system.server)
      return faultOf(cluster, system, server, health, trustUnregistered)
    })
    if (faults.includes(undefined)) continue
    const told = faults.length === 0 ? 'it has no other system' : faults.slice(0, 4).join('; ')
    const detail = `cluster ${cluster} has no other healthy system: ${told}`
    return refuse('no-healthy-partner', detail)
  }
  return undefined
}

function faultOf(
  cluster: string,
  { number, server: name }: System,
  server: Server | undefined,
  health: SiteHealth,
  trustUnregistered: boolean,
): string | undefined {
  const { power, bmc, pdu, openReset } = health.server(name)
  const state = health.system(cluster, number)
  const who = `${number} on ${name}`
  if (openReset) return `${who} is under an open reset`
  if (state === '----' && !trustUnregistered) {
    return `${who} is not registered (it counts while its server is on where unregistered systems are trusted)`
  }
  if (state === '----' && power !== 'pon') return `the power of ${name} is ${power}`
  if (state !== '----' && state !== 'normal') return `${who} is in state ${state}`
  if (bmc !== 'OK') return `the BMC link of ${name} is ${bmc}`
  if (server?.pduControl && pdu !== 'OK') return `the PDU link of ${name} is ${pdu}`
  return undefined
}
