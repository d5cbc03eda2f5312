// The site document: what a site is made of, in the JSON form of the site file (spec api.md, "Site file").
// Defaults are filled in by `limits.ts`; the types here are the complete, validated form.

/** A credential sealed to the site key (compact JWE). The control plane stores it and cannot read it. */
export interface Sealed {
  sealed: string
}

export interface BmcSettings {
  protocol: 'ipmi'
  address: string
  port: number
  username: string
  password: Sealed
  /** Key-exchange key of the BMC, 20 raw bytes; absent where the BMC has none. */
  kg?: Sealed
}

export interface Feed {
  pdu: string
  outlet: number
  /** The name that the outlet has on the PDU; under another one it is neither read nor switched. */
  outletName?: string
}

export interface ManagementServer {
  name: string
  renamedFrom?: string
  peer?: { address: string; port: number }
  bmc?: BmcSettings
  pduControl: boolean
  hardResetTimeoutS?: number
  feeds: Feed[]
}

export type SnmpSettings =
  | { version: '1' | '2c'; community: Sealed }
  | {
      version: '3'
      user: string
      level: 'noAuthNoPriv' | 'authNoPriv' | 'authPriv'
      auth?: {
        protocol: 'md5' | 'sha' | 'sha224' | 'sha256' | 'sha384' | 'sha512'
        password: Sealed
      }
      priv?: { protocol: 'des' | 'aes' | 'aes256b' | 'aes256r'; password: Sealed }
    }

export interface Pdu {
  name: string
  renamedFrom?: string
  address: string
  port: number
  /** A name of `pdu-models.ts`, or `custom`. */
  model: string
  custom?: CustomPduModel
  /** Of several units behind one address; counted from 1. */
  unit?: number
  /** Of the towers, cords or branches of a unit; counted from 1. */
  branch?: number
  snmp: SnmpSettings
}

/** A family that is not in the table. OIDs may hold the placeholders of `pdu-model.ts`. */
export interface CustomPduModel {
  /** The device's sysObjectID is this or lies below it; absent: any is taken. */
  detect?: string
  /** Outlets are numbered from 1 to this. */
  outlets: number
  control: Record<'on' | 'off', { oid: string; value: number }>
  status: { oid: string; on: number[]; off: number[] }
  /** The status counts only while this reads one of `settled`. */
  pending?: { oid: string; settled: number[] }
  outletName?: string
  model?: string
  firmware?: string
}

export interface Hypervisor {
  type: 'esxi'
  address: string
  port: number
  username: string
  password: Sealed
  guestReset: boolean
}

export interface Server {
  name: string
  renamedFrom?: string
  bmc: BmcSettings
  hypervisor?: Hypervisor
  softMethod: 'nmi' | 'none'
  hardMethod: 'reset' | 'off-on'
  hardResetAfterMs?: number
  pairGuard: boolean
  pduControl: boolean
  hardResetTimeoutS?: number
  pduRecoveryWaitS?: number
  holdUpMs: number
  feeds: Feed[]
}

export interface System {
  number: number
  name: string
  server: string
  guest?: string
  address: string
  port: number
}

export type RequiredGrade = 'acknowledged' | 'confirmed'

export interface Cluster {
  name: string
  renamedFrom?: string
  requireGrade: RequiredGrade
  systems: System[]
}

export interface SiteSpec {
  /** Milliseconds, or `off`, which means 5000 (spec domain.md §2). */
  hardResetAfterMs: number | 'off'
  guestHardResetAfterMs: number
  resetPath?: { port: number }
  managementServers: ManagementServer[]
  pdus: Pdu[]
  servers: Server[]
  clusters: Cluster[]
}

export interface SiteDocument {
  apiVersion: 'palisade/v1'
  kind: 'Site'
  metadata: { name: string }
  spec: SiteSpec
}

/** P: the system of a physical server; V: a guest. */
export type SystemKind = 'P' | 'V'

export interface SystemRef {
  cluster: string
  number: number
}

export function findServer(site: SiteDocument, name: string): Server | undefined {
  return site.spec.servers.find((server) => server.name === name)
}

export function findManagementServer(
  site: SiteDocument,
  name: string,
): ManagementServer | undefined {
  return site.spec.managementServers.find((server) => server.name === name)
}

export function systemsOf(site: SiteDocument, server: string): (System & { cluster: string })[] {
  return site.spec.clusters.flatMap((cluster) =>
    cluster.systems
      .filter((system) => system.server === server)
      .map((system) => ({ ...system, cluster: cluster.name })),
  )
}

/** A machine whose power is watched: a server, or a management server that has a BMC. */
export interface Machine {
  subject: 'server' | 'managementServer'
  name: string
  renamedFrom?: string
  bmc: BmcSettings
  pduControl: boolean
  feeds: Feed[]
}

export function machinesOf({ spec }: SiteDocument): Machine[] {
  const managing = spec.managementServers.flatMap(({ bmc, ...server }) =>
    bmc ? [{ ...server, bmc, subject: 'managementServer' as const }] : [],
  )
  return [...spec.servers.map((server) => ({ ...server, subject: 'server' as const })), ...managing]
}
