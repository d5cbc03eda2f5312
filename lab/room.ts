// The machine room: models, the cables between them, and a real socket for every device.
import { createHash } from 'node:crypto'
import type { Clock, Random } from '../core/ports.ts'
import type { Account } from './bmc/handshake.ts'
import { type BmcFront, openBmc } from './bmc/socket.ts'
import { type OutletPlace, runCables, type SupplyCable, type Swap } from './model/cabling.ts'
import { PduModel } from './model/pdu.ts'
import { ServerModel, type ServerSettings } from './model/server.ts'
import type { Family } from './pdu/families.ts'
import type { SnmpAccess } from './pdu/responder.ts'
import { openPdu, type PduFront } from './pdu/socket.ts'
import type { SocketPlace } from './socket.ts'
import { StopNoticeSender } from './stop-notice.ts'

export interface ServerDescription {
  name: string
  bmc: SocketPlace & {
    account: Account
    /** Default 17 and 3. */
    suites?: readonly number[]
    /** Default 8. */
    sessionSlots?: number
    /** Sixteen bytes; default made from the name, so that it is the same at every start. */
    guid?: Uint8Array
  }
  /** Where stop notices come from; absent = they are not sent. */
  systemAddress?: string
  /** One per supply. None: a single supply on a socket that nobody switches. */
  feeds: readonly OutletPlace[]
  /** What differs from `TYPICAL_SERVER`. */
  physical?: Partial<Omit<ServerSettings, 'name' | 'supplies'>>
}

export interface PduDescription extends SocketPlace {
  name: string
  family: Family
  outletCount: number
  access: SnmpAccess
}

export interface RoomDescription {
  servers: readonly ServerDescription[]
  pdus: readonly PduDescription[]
  /** Who hears stop notices; may be set later. */
  stopNoticeTargets?: readonly SocketPlace[]
}

export interface LabServer {
  name: string
  model: ServerModel
  bmcPlace: SocketPlace
  systemAddress: string | undefined
  /** Sessions that the BMC holds now. */
  readonly sessionCount: number
}

export interface LabPdu {
  name: string
  family: Family
  model: PduModel
  place: SocketPlace
}

export interface MachineRoom {
  servers: ReadonlyMap<string, LabServer>
  pdus: ReadonlyMap<string, LabPdu>
  /** Throws when there is no such machine. */
  getServer(name: string): LabServer
  getPdu(name: string): LabPdu
  /** The cables as they really run now, wrong ones included. */
  cables(): readonly SupplyCable[]
  setStopNoticeTargets(targets: readonly SocketPlace[]): void
  close(): Promise<void>
}

export const TYPICAL_SERVER: Omit<ServerSettings, 'name' | 'supplies'> = {
  holdUpMs: 500,
  bmcBootMs: 3000,
  cycleOffMs: 1000,
  restorePolicy: 'previous',
  os: {
    bootMs: 3000,
    shutdownMs: 1000,
    kdump: { enabled: true, delayMs: 500, intervalMs: 1000, dumpMs: 4000, afterwards: 'reboot' },
  },
}

type Ports = { clock: Clock; random: Random }

/** Builds the room with everything powered and running. Throws, with nothing left open, when a socket cannot be had. */
export async function openMachineRoom(
  description: RoomDescription,
  ports: Ports,
): Promise<MachineRoom> {
  const room = new Room(description, ports)
  try {
    await room.open()
  } catch (error) {
    await room.close()
    throw error
  }
  return room
}

class Room implements MachineRoom {
  readonly servers = new Map<string, LabServer>()
  readonly pdus = new Map<string, LabPdu>()
  readonly #description: RoomDescription
  readonly #ports: Ports
  readonly #plan: SupplyCable[]
  readonly #closers: (() => Promise<void> | void)[] = []
  #targets: readonly SocketPlace[]

  constructor(description: RoomDescription, ports: Ports) {
    this.#description = description
    this.#ports = ports
    this.#targets = description.stopNoticeTargets ?? []
    this.#plan = description.servers.flatMap(({ name, feeds }) =>
      feeds.map((feed, supply) => ({ ...feed, server: name, supply })),
    )
  }

  async open(): Promise<void> {
    for (const pdu of this.#description.pdus) await this.#addPdu(pdu)
    for (const server of this.#description.servers) await this.#addServer(server)
    this.#feed()
  }

  getServer(name: string): LabServer {
    return get(this.servers, 'server', name)
  }

  getPdu(name: string): LabPdu {
    return get(this.pdus, 'PDU', name)
  }

  cables(): readonly SupplyCable[] {
    const swaps: Swap[] = []
    for (const { name, model } of this.pdus.values()) {
      for (let outlet = 1; outlet <= model.outletCount; outlet++) {
        const { feeds } = model.outletFaults(outlet)
        if (feeds !== '') swaps.push({ pdu: name, outlet, server: feeds })
      }
    }
    return runCables(this.#plan, swaps)
  }

  setStopNoticeTargets(targets: readonly SocketPlace[]): void {
    this.#targets = [...targets]
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close()
  }

  async #addPdu(description: PduDescription): Promise<void> {
    const { name, family, outletCount, access } = description
    const model = new PduModel(name, outletCount, this.#ports.clock)
    this.#closers.push(() => model.close())
    const engineId = Buffer.concat([Buffer.from('8000000005', 'hex'), fingerprint(`pdu ${name}`)])
    const front: PduFront = await openPdu(
      model,
      description,
      { family, access, engineId },
      this.#ports,
    )
    this.#closers.push(() => front.close())
    model.changed.subscribe(() => this.#feed())
    this.pdus.set(name, { name, family, model, place: front.place })
  }

  async #addServer(description: ServerDescription): Promise<void> {
    const { name, bmc, systemAddress, feeds, physical } = description
    const sender = systemAddress === undefined ? undefined : new StopNoticeSender(systemAddress)
    const supplies = Math.max(1, feeds.length)
    const model = new ServerModel(
      { ...TYPICAL_SERVER, ...physical, name, supplies },
      { ...this.#ports, sendStopNotice: () => sender?.send(this.#targets) },
    )
    this.#closers.push(() => sender?.close())
    this.#closers.push(() => model.close())
    const front: BmcFront = await openBmc(
      model,
      bmc,
      {
        account: bmc.account,
        suites: bmc.suites ?? [17, 3],
        sessionSlots: bmc.sessionSlots ?? 8,
        guid: bmc.guid ?? fingerprint(`server ${name}`),
      },
      this.#ports,
    )
    this.#closers.push(() => front.close())
    this.servers.set(name, {
      name,
      model,
      bmcPlace: front.place,
      systemAddress,
      get sessionCount() {
        return front.sessionCount
      },
    })
  }

  /** Brings the voltage of every outlet to the supply at the other end of its cable. */
  #feed(): void {
    for (const { server, supply, pdu, outlet } of this.cables()) {
      const live = this.pdus.get(pdu)?.model.live(outlet)
      if (live === undefined)
        throw new Error(`${server} is fed by ${pdu}, which is not in the room`)
      this.servers.get(server)?.model.setInput(supply, live)
    }
  }
}

function get<T>(all: ReadonlyMap<string, T>, kind: string, name: string): T {
  const found = all.get(name)
  if (!found) throw new Error(`no ${kind} ${name}; there are ${[...all.keys()].join(', ')}`)
  return found
}

/** Sixteen bytes that belong to a name. */
function fingerprint(name: string): Buffer {
  return createHash('sha256').update(`palisade lab ${name}`).digest().subarray(0, 16)
}
