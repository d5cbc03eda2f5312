// Reads servers, management servers and clusters from their raw form (spec domain.md §2, api.md "Site file").
import type { Cluster, Feed, ManagementServer, Server, System } from '../site.ts'
import {
  HARD_RESET_AFTER_MS,
  HARD_RESET_AFTER_OFF_MS,
  HARD_RESET_TIMEOUT_S,
  HOLD_UP_DEFAULT_MS,
  HOLD_UP_MS,
  MANAGEMENT_SERVER_FEEDS_MAX,
  OWN_PORT,
  PDU_RECOVERY_WAIT_S,
  SERVER_FEEDS_MAX,
  SYSTEM_NUMBER,
  SYSTEMS_MAX,
} from './bounds.ts'
import { Fields, inRange, present, rangeText } from './fields.ts'
import { readBmc, readFeeds, readHypervisor } from './read-devices.ts'

export const SERVER_FIELDS = [
  'name',
  'renamedFrom',
  'bmc',
  'hypervisor',
  'softMethod',
  'hardMethod',
  'hardResetAfterMs',
  'pairGuard',
  'pduControl',
  'hardResetTimeoutS',
  'pduRecoveryWaitS',
  'holdUpMs',
  'feeds',
]
export const MANAGEMENT_SERVER_FIELDS = [
  'name',
  'renamedFrom',
  'peer',
  'bmc',
  'pduControl',
  'hardResetTimeoutS',
  'feeds',
]
export const CLUSTER_FIELDS = ['name', 'renamedFrom', 'requireGrade', 'systems']
const SYSTEM_FIELDS = ['number', 'name', 'server', 'guest', 'address', 'port']

/** Previous name → next name: what was kept from before follows a rename. */
export interface Renames {
  pdus: ReadonlyMap<string, string>
  servers: ReadonlyMap<string, string>
}

export function readManagementServer(
  fields: Fields,
  previous: ManagementServer | undefined,
): ManagementServer {
  const kept = previous?.hardResetTimeoutS
  return {
    name: fields.name('name'),
    ...present('renamedFrom', fields.optionalName('renamedFrom', undefined)),
    ...present(
      'peer',
      fields.optional('peer', previous?.peer, () => readPeer(fields, previous?.peer)),
    ),
    ...present(
      'bmc',
      fields.optional('bmc', previous?.bmc, () => readBmc(fields, previous?.bmc)),
    ),
    pduControl: fields.flag('pduControl', previous?.pduControl ?? false),
    ...present('hardResetTimeoutS', readHardResetTimeout(fields, kept)),
    feeds: readFeeds(fields, MANAGEMENT_SERVER_FEEDS_MAX, previous?.feeds ?? []),
  }
}

function readPeer(fields: Fields, previous: ManagementServer['peer']) {
  return fields.object('peer', ['address', 'port'], (peer) => ({
    address: peer.address('address', previous?.address),
    port: peer.integer('port', OWN_PORT, previous?.port),
  }))
}

export function readServer(fields: Fields, previous: Server | undefined): Server {
  const recovery = previous?.pduRecoveryWaitS
  return {
    name: fields.name('name'),
    ...present('renamedFrom', fields.optionalName('renamedFrom', undefined)),
    bmc: readBmc(fields, previous?.bmc),
    ...present(
      'hypervisor',
      fields.optional('hypervisor', previous?.hypervisor, () =>
        readHypervisor(fields, previous?.hypervisor),
      ),
    ),
    softMethod: fields.choice('softMethod', ['nmi', 'none'], previous?.softMethod ?? 'nmi'),
    hardMethod: fields.choice('hardMethod', ['reset', 'off-on'], previous?.hardMethod ?? 'reset'),
    ...present(
      'hardResetAfterMs',
      fields.optional('hardResetAfterMs', previous?.hardResetAfterMs, () => {
        const own = readHardResetAfter(fields, undefined)
        return own === 'off' ? HARD_RESET_AFTER_OFF_MS : own
      }),
    ),
    pairGuard: fields.flag('pairGuard', previous?.pairGuard ?? false),
    pduControl: fields.flag('pduControl', previous?.pduControl ?? false),
    ...present('hardResetTimeoutS', readHardResetTimeout(fields, previous?.hardResetTimeoutS)),
    ...present(
      'pduRecoveryWaitS',
      fields.optional('pduRecoveryWaitS', recovery, () => readRecoveryWait(fields)),
    ),
    holdUpMs: fields.integer('holdUpMs', HOLD_UP_MS, previous?.holdUpMs ?? HOLD_UP_DEFAULT_MS),
    feeds: readFeeds(fields, SERVER_FEEDS_MAX, previous?.feeds ?? []),
  }
}

/** A number of milliseconds, or `off`. */
export function readHardResetAfter(
  fields: Fields,
  kept: number | 'off' | undefined,
): number | 'off' {
  const value = fields.raw('hardResetAfterMs')
  if (value === 'off') return 'off'
  if (value === undefined && kept !== undefined) return kept
  if (typeof value === 'number' && inRange(value, HARD_RESET_AFTER_MS)) return value
  fields.fault('hardResetAfterMs', `${rangeText(HARD_RESET_AFTER_MS)}, or off`)
  return 'off'
}

function readHardResetTimeout(fields: Fields, kept: number | undefined): number | undefined {
  return fields.optional('hardResetTimeoutS', kept, () =>
    fields.integer('hardResetTimeoutS', HARD_RESET_TIMEOUT_S),
  )
}

function readRecoveryWait(fields: Fields): number {
  const value = fields.raw('pduRecoveryWaitS')
  if (value === 0) return 0
  if (typeof value === 'number' && inRange(value, PDU_RECOVERY_WAIT_S)) return value
  fields.fault('pduRecoveryWaitS', `${rangeText(PDU_RECOVERY_WAIT_S)}, or 0 for never by itself`)
  return 0
}

/** The object with the names that its PDUs have now. */
export function followFeeds<T extends { feeds: Feed[] }>(item: T, { pdus }: Renames): T {
  const feeds = item.feeds.map((feed) => ({ ...feed, pdu: pdus.get(feed.pdu) ?? feed.pdu }))
  return { ...item, feeds }
}

/** The cluster with the names that its servers have now. */
export function followServers(cluster: Cluster, { servers }: Renames): Cluster {
  const systems = cluster.systems.map((system) => ({
    ...system,
    server: servers.get(system.server) ?? system.server,
  }))
  return { ...cluster, systems }
}

export function readCluster(fields: Fields, previous: Cluster | undefined): Cluster {
  const before = previous?.systems ?? []
  const grades = ['acknowledged', 'confirmed'] as const
  return {
    name: fields.name('name'),
    ...present('renamedFrom', fields.optionalName('renamedFrom', undefined)),
    requireGrade: fields.choice('requireGrade', grades, previous?.requireGrade ?? 'acknowledged'),
    systems: fields.list('systems', SYSTEMS_MAX, before, (raw, pointer) =>
      readSystem(new Fields(raw, pointer, fields.faults, SYSTEM_FIELDS), before),
    ),
  }
}

function readSystem(fields: Fields, before: readonly System[]): System {
  const number = fields.integer('number', SYSTEM_NUMBER)
  const previous = before.find((system) => system.number === number)
  return {
    number,
    name: fields.name('name', previous?.name),
    server: fields.name('server', previous?.server),
    ...present('guest', fields.optionalName('guest', previous?.guest)),
    address: fields.address('address', previous?.address),
    port: fields.port('port', previous?.port),
  }
}
