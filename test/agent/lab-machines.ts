// Machines for scenarios in short form: what each is like, made into a room of the lab and the site file that
// belongs to it. Every machine carries one system of its own.
import type { KdumpSettings } from '../../lab/model/os.ts'
import {
  type MachineRoom,
  type PduDescription,
  type RoomDescription,
  type ServerDescription,
  TYPICAL_SERVER,
} from '../../lab/room.ts'

export interface Machine {
  name: string
  /** Each feed hangs on a PDU of its own; 0 = PDU control off. Default 2. */
  feeds?: 0 | 1 | 2
  /** Its PDUs feed nothing else, so that they may be made to fail. */
  ownPdus?: boolean
  /** Machines that name the same one are a cluster; default a cluster of its own. */
  cluster?: string
  requireGrade?: 'acknowledged' | 'confirmed'
  /** A management server beside the one of the agent: it carries no system and is never reset. */
  managing?: true
  /** What differs in its entry of the site file. */
  site?: Record<string, unknown>
  physical?: Partial<Omit<NonNullable<ServerDescription['physical']>, 'os'>>
  kdump?: Partial<KdumpSettings>
  /** The site file holds another password than the BMC. */
  wrongPassword?: boolean
}

interface PlacedMachine extends Machine {
  index: number
  outlets: { pdu: string; outlet: number }[]
}

export interface Cast {
  secretNames: string[]
  room(secrets: ReadonlyMap<string, string>): RoomDescription
  /** Secrets stand as `{ secret: NAME }`. */
  siteFile(room: MachineRoom, name: string): SiteFile
}

// biome-ignore lint/suspicious/noExplicitAny: a site file is raw data until it is validated.
export type SiteFile = any

const USERNAME = 'palisade'
const OUTLETS = 12
/** A feed hangs on the PDU of its place in the machine's rack, or on one of the machine's own. */
const PLACES = ['pdu-a', 'pdu-b'] as const
const FAMILIES = ['ibm-ipdu', 'apc-rpdu2', 'apc-rpdu'] as const

export function cast(machines: readonly Machine[]): Cast {
  const placed = place(machines)
  const managed = placed.filter(({ managing }) => !managing)
  const pdus = [...new Set(placed.flatMap(({ outlets }) => outlets.map(({ pdu }) => pdu)))]
  return {
    secretNames: [...pdus, ...machines.map(({ name }) => `bmc-${name}`)],
    room: (secrets) => ({
      servers: placed.map((machine) => describeServer(machine, secrets)),
      pdus: pdus.map((name, index) => describePdu(name, index, secrets)),
    }),
    siteFile: (room, name) => ({
      apiVersion: 'palisade/v1',
      kind: 'Site',
      metadata: { name },
      spec: {
        hardResetAfterMs: 2500,
        managementServers: [
          { name: 'HACON1', pduControl: false, feeds: [] },
          ...placed
            .filter(({ managing }) => managing)
            .map((machine) => managingEntry(machine, room)),
        ],
        pdus: pdus.map((pdu) => ({
          name: pdu,
          ...room.getPdu(pdu).place,
          model: room.getPdu(pdu).family,
          snmp: { version: '2c', community: { secret: pdu } },
        })),
        servers: managed.map((machine) => serverEntry(machine, room)),
        clusters: clusterEntries(managed),
      },
    }),
  }
}

function place(machines: readonly Machine[]): PlacedMachine[] {
  let fed = 0
  return machines.map((machine, index) => {
    const feeds = PLACES.slice(0, machine.feeds ?? 2)
    if (machine.ownPdus) {
      const outlets = feeds.map((place) => ({ pdu: `${place}-${machine.name}`, outlet: 1 }))
      return { ...machine, index, outlets }
    }
    const rack = 1 + Math.floor(fed / OUTLETS)
    const outlet = 1 + (fed % OUTLETS)
    if (feeds.length > 0) fed += 1
    const outlets = feeds.map((place) => ({ pdu: rack === 1 ? place : `${place}-${rack}`, outlet }))
    return { ...machine, index, outlets }
  })
}

function describeServer(
  { name, index, outlets, physical, kdump }: PlacedMachine,
  secrets: ReadonlyMap<string, string>,
): ServerDescription {
  const { os } = TYPICAL_SERVER
  return {
    name,
    bmc: {
      address: `127.0.10.${index + 1}`,
      port: 0,
      account: { username: USERNAME, password: secret(secrets, `bmc-${name}`), privilege: 4 },
    },
    systemAddress: systemAddress(index),
    feeds: outlets,
    physical: { ...physical, os: { ...os, kdump: { ...os.kdump, ...kdump } } },
  }
}

function describePdu(
  name: string,
  index: number,
  secrets: ReadonlyMap<string, string>,
): PduDescription {
  return {
    name,
    family: FAMILIES[index % FAMILIES.length] ?? 'apc-rpdu',
    address: `127.0.11.${index + 1}`,
    port: 0,
    outletCount: OUTLETS,
    access: { community: secret(secrets, name) },
  }
}

function managingEntry(machine: PlacedMachine, room: MachineRoom) {
  const { name, bmc, feeds } = serverEntry(machine, room)
  return { name, bmc, pduControl: true, hardResetTimeoutS: 5, feeds }
}

function serverEntry({ name, outlets, site, wrongPassword }: PlacedMachine, room: MachineRoom) {
  const control = {
    pduControl: true,
    hardResetTimeoutS: 5,
    pduRecoveryWaitS: 5,
    feeds: outlets,
  }
  return {
    name,
    bmc: {
      protocol: 'ipmi',
      ...room.getServer(name).bmcPlace,
      username: USERNAME,
      password: { secret: wrongPassword ? 'stale' : `bmc-${name}` },
    },
    ...(outlets.length > 0 ? control : {}),
    feeds: outlets,
    ...site,
  }
}

function clusterEntries(machines: readonly PlacedMachine[]) {
  const names = [...new Set(machines.map(({ name, cluster }) => cluster ?? name))]
  return names.map((cluster) => {
    const members = machines.filter((machine) => (machine.cluster ?? machine.name) === cluster)
    return {
      name: cluster,
      requireGrade: members[0]?.requireGrade ?? 'acknowledged',
      systems: members.map(({ name, index }) => ({
        number: systemNumber(index),
        name: `on-${name}`,
        server: name,
        address: systemAddress(index),
        port: 6001,
      })),
    }
  })
}

const systemNumber = (index: number) => 10_001 + index
/** Each system has an address of its own: a stop notice is known by nothing else. */
const systemAddress = (index: number) => `127.0.20.${index + 1}`

function secret(secrets: ReadonlyMap<string, string>, name: string): string {
  const value = secrets.get(name)
  if (value === undefined) throw new Error(`no secret is named ${name}`)
  return value
}
