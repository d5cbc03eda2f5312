// A site on a lab room whose BMCs and PDUs are reached through relays: a test decides the fate of each datagram
// by what it is, and the room tells what became of the machine.
import { nodeClock } from '../../runtime/node.ts'
import { IpmiEavesdropper, type IpmiKind } from '../peers/ipmi-eavesdropper.ts'
import { openUdpRelay, type Passing, type UdpRelay } from '../peers/udp-relay.ts'
import type { Machine, SiteFile } from './lab-machines.ts'
import { SiteOnLab } from './site-on-lab.ts'
import { Scene } from './stage.ts'

export type BmcPassing = Passing & { kind: IpmiKind }
/** As `Rule`, for a datagram that has a name. */
export type BmcRule = (passing: BmcPassing) => number[]

export class RelayedLab {
  readonly lab: SiteOnLab
  readonly #bmcs: ReadonlyMap<string, UdpRelay>
  readonly #pdus: ReadonlyMap<string, UdpRelay>
  readonly #ears: ReadonlyMap<string, IpmiEavesdropper>

  private constructor(
    lab: SiteOnLab,
    relays: {
      bmcs: Map<string, UdpRelay>
      pdus: Map<string, UdpRelay>
      ears: Map<string, IpmiEavesdropper>
    },
  ) {
    this.lab = lab
    this.#bmcs = relays.bmcs
    this.#pdus = relays.pdus
    this.#ears = relays.ears
  }

  static async open(machines: readonly Machine[]): Promise<RelayedLab> {
    const lab = await SiteOnLab.open(machines)
    const relays = { bmcs: new Map(), pdus: new Map(), ears: new Map() }
    for (const { name } of machines) {
      relays.bmcs.set(name, await openUdpRelay(lab.room.getServer(name).bmcPlace))
      relays.ears.set(name, new IpmiEavesdropper(lab.bmcPassword(name)))
    }
    for (const { name } of lab.document.spec.pdus) {
      relays.pdus.set(name, await openUdpRelay(lab.room.getPdu(name).place))
    }
    const relayed = new RelayedLab(lab, relays)
    for (const { name } of machines) relayed.setRule(name, () => [0])
    await relayed.#redirect()
    return relayed
  }

  scene(name: string): Scene {
    return new Scene(this.lab, name)
  }

  /** Decides the fate of what passes between the agent and this BMC from now on. */
  setRule(server: string, rule: BmcRule): void {
    const relay = this.#bmcs.get(server)
    const ear = this.#ears.get(server)
    if (!relay || !ear) throw new Error(`no relay for ${server}`)
    relay.rule = (passing) => rule({ ...passing, kind: ear.nameOf(passing) })
  }

  pdu(name: string): UdpRelay {
    const relay = this.#pdus.get(name)
    if (!relay) throw new Error(`no relay for ${name}`)
    return relay
  }

  async close(): Promise<void> {
    await this.lab.close()
    for (const relay of [...this.#bmcs.values(), ...this.#pdus.values()]) relay.close()
  }

  /** The site file of the room, with the relays in the place of the devices. */
  redirect(file: SiteFile): void {
    for (const server of file.spec.servers) {
      const relay = this.#bmcs.get(server.name)
      if (relay) Object.assign(server.bmc, { address: '127.0.0.1', port: relay.port })
    }
    for (const pdu of file.spec.pdus) {
      const relay = this.#pdus.get(pdu.name)
      if (relay) Object.assign(pdu, { address: '127.0.0.1', port: relay.port })
    }
  }

  async #redirect(): Promise<void> {
    const from = nodeClock.wall()
    await this.lab.apply((file) => this.redirect(file))
    for (const { name } of this.lab.machines) {
      await this.lab.until(`${name} is read through its relay`, 15_000, async () => {
        const seen = await this.lab.observations(name, 'power')
        const last = seen.at(-1)
        return last !== undefined && last.value === 'pon' && last.readAt > from
      })
    }
    for (const { name } of this.lab.document.spec.pdus) {
      await this.lab.until(`${name} is read through its relay`, 15_000, async () => {
        return (await this.lab.observations(name, 'link')).at(-1)?.value === 'OK'
      })
    }
  }
}
