// The demonstration site: six servers, two PDUs and the management servers, in the variety that matters.
import type { Clock, Random } from '../core/ports.ts'
import type { OutletPlace } from './model/cabling.ts'
import {
  type MachineRoom,
  openMachineRoom,
  type RoomDescription,
  type ServerDescription,
  TYPICAL_SERVER,
} from './room.ts'
import type { SocketPlace } from './socket.ts'

export type SecretRef = { file: string } | { env: string }

export interface DemoOptions {
  /** Every secret by its name, in the clear: `newDemoSecrets`. */
  secrets: ReadonlyMap<string, string>
  /** Port of every BMC and every PDU; default 0 = given by the OS. */
  ipmiPort?: number
  snmpPort?: number
  /** How many management servers the site has; default 1. */
  managementServers?: 1 | 2
  stopNoticeTargets?: readonly SocketPlace[]
}

export interface DemoSiteOptions {
  /** Where whoever applies the site finds the secret of this name. */
  secretRef: (name: string) => SecretRef
  /** Default `lab`. */
  name?: string
  /** Default 5001. */
  resetPathPort?: number
  /** Default 5002. Used only with two management servers. */
  peerPort?: number
}

export const DEMO_USERNAME = 'palisade'
const DEMO_OUTLETS = 12

interface DemoServer {
  name: string
  feeds: readonly OutletPlace[]
  kdump: boolean
  /** Everything of its site entry that is not the same for all. */
  site: Record<string, unknown>
}

const both = (outlet: number) => [
  { pdu: 'pdu-a', outlet },
  { pdu: 'pdu-b', outlet },
]

const MANAGEMENT_SERVERS = [
  { name: 'HACON1', feeds: both(1) },
  { name: 'HACON2', feeds: both(2) },
] as const

const SERVERS: readonly DemoServer[] = [
  // The pair of a mutual takeover, with everything: two feeds, kdump, guard.
  {
    name: 'PSERVER1',
    feeds: both(3),
    kdump: true,
    site: { pairGuard: true, pduRecoveryWaitS: 10 },
  },
  {
    name: 'PSERVER2',
    feeds: both(4),
    kdump: true,
    site: { pairGuard: true, pduRecoveryWaitS: 10 },
  },
  // A cluster that wants off to be seen. One feed each, the first stays off after a cut.
  {
    name: 'PSERVER3',
    feeds: [{ pdu: 'pdu-a', outlet: 5 }],
    kdump: true,
    site: { hardMethod: 'off-on', pduRecoveryWaitS: 0 },
  },
  {
    name: 'PSERVER4',
    feeds: [{ pdu: 'pdu-b', outlet: 5 }],
    kdump: true,
    site: { hardMethod: 'off-on', pduRecoveryWaitS: 5 },
  },
  // No kdump, so no soft step; its neighbour has no switched feed at all.
  {
    name: 'PSERVER5',
    feeds: [{ pdu: 'pdu-b', outlet: 6 }],
    kdump: false,
    site: { softMethod: 'none', pduRecoveryWaitS: 5 },
  },
  { name: 'PSERVER6', feeds: [], kdump: true, site: {} },
]

const CLUSTERS = [
  { name: 'db', requireGrade: 'acknowledged', port: 6001, first: 10001, servers: [1, 2] },
  { name: 'billing', requireGrade: 'confirmed', port: 6002, first: 10011, servers: [3, 4] },
  { name: 'web', requireGrade: 'acknowledged', port: 6003, first: 10021, servers: [5, 6] },
] as const

const PDUS = [
  { name: 'pdu-a', family: 'ibm-ipdu', address: '127.0.10.101' },
  { name: 'pdu-b', family: 'apc-rpdu2', address: '127.0.10.102' },
] as const

/** Names of the secrets that the demonstration needs: one password per BMC, one community per PDU. */
export const DEMO_SECRETS: readonly string[] = [
  ...SERVERS.map(({ name }) => `bmc-${name}`),
  ...MANAGEMENT_SERVERS.map(({ name }) => `bmc-${name}`),
  ...PDUS.map(({ name }) => name),
]

/** Fresh secrets by name, each twenty hexadecimal digits: short enough for IPMI, plain enough for SNMP. */
export function newDemoSecrets(random: Random): Map<string, string> {
  const fresh = () => Buffer.from(random.bytes(10)).toString('hex')
  return new Map(DEMO_SECRETS.map((name) => [name, fresh()]))
}

/** Opens the room of the demonstration. Throws when a socket cannot be had or a secret is missing. */
export function openDemoRoom(
  options: DemoOptions,
  ports: { clock: Clock; random: Random },
): Promise<MachineRoom> {
  return openMachineRoom(describeDemo(options), ports)
}

export function describeDemo(options: DemoOptions): RoomDescription {
  const secret = (name: string) => {
    const value = options.secrets.get(name)
    if (value === undefined) throw new Error(`the demonstration needs a secret named ${name}`)
    return value
  }
  const bmc = (name: string, host: number) => ({
    address: `127.0.10.${host}`,
    port: options.ipmiPort ?? 0,
    account: { username: DEMO_USERNAME, password: secret(`bmc-${name}`), privilege: 4 as const },
  })
  const managed = SERVERS.map(({ name, feeds, kdump }, i): ServerDescription => {
    const os = { ...TYPICAL_SERVER.os, kdump: { ...TYPICAL_SERVER.os.kdump, enabled: kdump } }
    return { name, bmc: bmc(name, i + 1), systemAddress: systemAddress(i), feeds, physical: { os } }
  })
  const managing = MANAGEMENT_SERVERS.slice(0, options.managementServers ?? 1).map(
    ({ name, feeds }, i): ServerDescription => ({ name, bmc: bmc(name, 11 + i), feeds }),
  )
  return {
    servers: [...managed, ...managing],
    pdus: PDUS.map(({ name, family, address }) => ({
      name,
      family,
      address,
      port: options.snmpPort ?? 0,
      outletCount: DEMO_OUTLETS,
      access: { community: secret(name) },
    })),
    stopNoticeTargets: options.stopNoticeTargets ?? [],
  }
}

/** The site file of the demonstration, as spec api.md has it, with the ports that the room really got. */
export function demoSite(room: MachineRoom, options: DemoSiteOptions) {
  const { secretRef } = options
  const bmc = (name: string) => ({
    protocol: 'ipmi',
    ...room.getServer(name).bmcPlace,
    username: DEMO_USERNAME,
    password: secretRef(`bmc-${name}`),
  })
  const managing = MANAGEMENT_SERVERS.filter(({ name }) => room.servers.has(name))
  const peer = (i: number) => ({ address: `127.0.30.${i + 1}`, port: options.peerPort ?? 5002 })
  return {
    apiVersion: 'palisade/v1',
    kind: 'Site',
    metadata: { name: options.name ?? 'lab' },
    spec: {
      hardResetAfterMs: 2500,
      resetPath: { port: options.resetPathPort ?? 5001 },
      managementServers: managing.map(({ name, feeds }, i) => ({
        name,
        ...(managing.length > 1 ? { peer: peer(i) } : {}),
        bmc: bmc(name),
        pduControl: true,
        hardResetTimeoutS: 5,
        feeds: [...feeds],
      })),
      pdus: PDUS.map(({ name, family }) => ({
        name,
        ...room.getPdu(name).place,
        model: family,
        snmp: { version: '2c', community: secretRef(name) },
      })),
      servers: SERVERS.map(({ name, feeds, site }) => ({
        name,
        bmc: bmc(name),
        ...(feeds.length > 0 ? { pduControl: true, hardResetTimeoutS: 5, feeds: [...feeds] } : {}),
        ...site,
      })),
      clusters: CLUSTERS.map(({ name, requireGrade, port, first, servers }) => ({
        name,
        requireGrade,
        systems: servers.map((server, i) => ({
          number: first + i,
          name: `${name}-${'ab'.charAt(i)}`,
          server: `PSERVER${server}`,
          address: systemAddress(server - 1),
          port,
        })),
      })),
    },
  }
}

/** Each system has an address of its own: a stop notice is known by nothing else. */
function systemAddress(index: number): string {
  return `127.0.20.${index + 1}`
}
