// What cannot change now: a reset is open, outlets are still off from one, or the HA software runs
// (spec domain.md §8).
import {
  type Cluster,
  type ManagementServer,
  type Pdu,
  type Server,
  type SiteDocument,
  type SystemRef,
  systemsOf,
} from '../site.ts'
import { type Entries, type Entry, sameValue } from './entries.ts'

export type ChangeReason = 'not-while-running' | 'reset-in-progress' | 'device-state' | 'invalid'

export interface Refusal {
  reason: ChangeReason
  detail: string
}

/** What of the site is going on now. Names are those of the previous document. */
export interface Running {
  /** Servers and management servers with an open reset, until its recovery is recorded. */
  openOrders: readonly string[]
  /** Servers that were literally read off. Silence is not stopped. */
  powerOff: readonly string[]
  /** Systems whose HA software is registered. */
  registeredSystems?: readonly SystemRef[]
  /** Servers and management servers of whose feeds some are still off from our own act. */
  heldFeeds?: readonly string[]
}

/** May change while the HA software of the server runs; everything else of a server may not. */
const LIVE_SERVER_FIELDS: readonly string[] = [
  'feeds',
  'pduControl',
  'hardResetTimeoutS',
  'pduRecoveryWaitS',
  'holdUpMs',
  'hardResetAfterMs',
] satisfies (keyof Server)[]

export function refusals(
  previous: SiteDocument,
  entries: Entries,
  running: Running,
): Map<Entry, Refusal> {
  const refused = new Map<Entry, Refusal>()
  const judge = <E extends Entry>(list: readonly E[], why: (entry: E) => Refusal | undefined) => {
    for (const entry of list) {
      if (entry.operation === undefined || entry.operation === 'Add') continue
      const refusal = why(entry)
      if (refusal) refused.set(entry, refusal)
    }
  }
  judge(entries.managementServer, (entry) => refuseMachine(entry, running))
  judge(entries.pdu, (entry) => refusePdu(previous, entry, running))
  judge(
    entries.server,
    (entry) => refuseMachine(entry, running) ?? refuseServer(previous, entry, running),
  )
  judge(entries.cluster, (entry) => refuseCluster(entries, entry, running))
  return refused
}

function resetInProgress(name: string): Refusal {
  return { reason: 'reset-in-progress', detail: `a reset of ${name} is open` }
}

function heldOff(name: string): Refusal {
  const detail = `outlets of ${name} are still off from its reset; restore it first`
  return { reason: 'device-state', detail }
}

function refuseMachine(
  { before, operation, fields }: Entry<Server> | Entry<ManagementServer>,
  { openOrders, heldFeeds = [] }: Running,
): Refusal | undefined {
  const name = before?.name ?? ''
  if (openOrders.includes(name)) return resetInProgress(name)
  const wiring = operation === 'Delete' || fields.includes('feeds')
  return wiring && heldFeeds.includes(name) ? heldOff(name) : undefined
}

/** No wiring change touches the feeds of an open reset (spec domain.md §9). */
function refusePdu(
  previous: SiteDocument,
  { before }: Entry<Pdu>,
  { openOrders, heldFeeds = [] }: Running,
): Refusal | undefined {
  const fed = [...previous.spec.servers, ...previous.spec.managementServers]
    .filter(({ feeds }) => feeds.some(({ pdu }) => pdu === before?.name))
    .map(({ name }) => name)
  const open = fed.find((name) => openOrders.includes(name))
  if (open !== undefined) return resetInProgress(open)
  const held = fed.find((name) => heldFeeds.includes(name))
  return held === undefined ? undefined : heldOff(held)
}

function refuseServer(
  previous: SiteDocument,
  { before, operation, fields }: Entry<Server>,
  { powerOff, registeredSystems = [] }: Running,
): Refusal | undefined {
  const name = before?.name ?? ''
  const fixed = fields.filter((field) => !LIVE_SERVER_FIELDS.includes(field))
  if ((operation !== 'Delete' && fixed.length === 0) || powerOff.includes(name)) return undefined
  const running = systemsOf(previous, name).find((system) => isIn(registeredSystems, system))
  if (!running) return undefined
  const what = operation === 'Delete' ? 'its removal' : `a change of ${fixed.join(', ')}`
  return runs(running.number, running.cluster, what)
}

function refuseCluster(
  entries: Entries,
  { before, after, fields }: Entry<Cluster>,
  { openOrders, powerOff, registeredSystems = [] }: Running,
): Refusal | undefined {
  if (!before) return undefined
  const open = before.systems.find(({ server }) => openOrders.includes(server))
  if (open) return resetInProgress(open.server)
  const nextName = new Map(entries.server.map((entry) => [entry.before?.name, entry.after?.name]))
  const touched = before.systems.filter((system) => {
    const server = nextName.get(system.server) ?? system.server
    const next = after?.systems.find(({ number }) => number === system.number)
    return fields.includes('name') || !next || !sameValue({ ...system, server }, next)
  })
  const running = touched.find(
    (system) =>
      !powerOff.includes(system.server) &&
      isIn(registeredSystems, { cluster: before.name, number: system.number }),
  )
  return running && runs(running.number, before.name, 'a change of it')
}

function isIn(refs: readonly SystemRef[], { cluster, number }: SystemRef): boolean {
  return refs.some((ref) => ref.cluster === cluster && ref.number === number)
}

function runs(number: number, cluster: string, what: string): Refusal {
  const detail =
    `system ${number} of cluster ${cluster} is registered: ${what} needs its HA software ` +
    'stopped (deregistered, or the server read off)'
  return { reason: 'not-while-running', detail }
}
