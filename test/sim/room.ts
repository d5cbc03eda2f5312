// The machine room of one world: machines and PDUs with the cables between them, and the paths by which an agent
// reaches them.
import type { PowerAction } from '../../agent/drivers/driver.ts'
import type { IpmiOptions } from '../../agent/drivers/ipmi/power-controller.ts'
import type { SnmpOutletOptions } from '../../agent/drivers/snmp/outlet-controller.ts'
import { Chance } from './chance.ts'
import type { Effect } from './effects.ts'
import type { Life } from './life.ts'
import { Machine, type MachineTraits } from './machine.ts'
import { SimOutlets } from './outlets.ts'
import { Path } from './path.ts'
import { Pdu } from './pdu.ts'
import { SimPower } from './power.ts'
import type { World } from './world.ts'

export class Room {
  readonly machines = new Map<string, Machine>()
  readonly pdus = new Map<string, Pdu>()
  readonly effects: Effect[] = []
  readonly #paths = new Map<string, Path>()
  readonly #world: World
  #sessions = 0

  constructor(world: World, machines: readonly MachineTraits[]) {
    this.#world = world
    const { time } = world
    for (const traits of machines) {
      for (const { pdu } of traits.feeds) if (!this.pdus.has(pdu)) this.#addPdu(pdu)
      const isFed = ({ pdu, outlet }: { pdu: string; outlet: number }) => this.pdu(pdu).isOn(outlet)
      const machine = new Machine(traits, time, isFed)
      this.machines.set(traits.name, machine)
      this.#watch(machine)
    }
  }

  machine(name: string): Machine {
    const machine = this.machines.get(name)
    if (!machine) throw new Error(`no machine is named ${name}`)
    return machine
  }

  pdu(name: string): Pdu {
    const pdu = this.pdus.get(name)
    if (!pdu) throw new Error(`no PDU is named ${name}`)
    return pdu
  }

  /** Between two places, made when it is first asked for. */
  path(from: string, to: string): Path {
    const name = `${from} ${to}`
    const known = this.#paths.get(name)
    if (known) return known
    const { time, seed } = this.#world
    const path = new Path(time, new Chance(seed, `path ${name}`))
    this.#paths.set(name, path)
    return path
  }

  power(life: Life, options: IpmiOptions): SimPower {
    const { name } = options
    return new SimPower({
      life,
      options,
      machine: this.machine(name),
      path: this.path(life.station.name, `bmc ${name}`),
      nextSession: () => {
        this.#sessions += 1
        return this.#sessions
      },
      sent: (device, server, action) => this.#sent(life, { device, server, action }),
      told: (server, value) => this.#world.judge.told(`server ${server}`, value),
    })
  }

  outlets(life: Life, options: SnmpOutletOptions): SimOutlets {
    const { name } = options
    return new SimOutlets({
      life,
      options,
      pdu: this.pdu(name),
      path: this.path(life.station.name, `pdu ${name}`),
      sent: (device, outlet, action) =>
        this.#sent(life, { device, server: this.#ownerOf(name, outlet), action }),
      told: (outlet, value) => this.#world.judge.told(`outlet ${outlet}`, value),
    })
  }

  #sent(life: Life, what: { device: string; server: string; action: PowerAction }): Effect {
    const { time, judge } = this.#world
    const id = this.effects.length + 1
    const effect: Effect = { id, ...what, sentAt: time.now, state: 'flying' }
    if (life.dead) {
      // A process that is gone sends nothing.
      effect.state = 'dropped'
      return effect
    }
    this.effects.push(effect)
    judge.sent(effect, life)
    life.station.sent()
    return effect
  }

  #ownerOf(pdu: string, outlet: number): string {
    for (const { traits } of this.machines.values()) {
      if (traits.feeds.some((feed) => feed.pdu === pdu && feed.outlet === outlet))
        return traits.name
    }
    throw new Error(`an outlet that feeds nothing was switched: ${pdu}/${outlet}`)
  }

  #addPdu(name: string): void {
    const pdu = new Pdu(name, this.#world.time)
    pdu.moved = (outlet, by) => {
      const state = pdu.isOn(outlet) ? 'on' : 'off'
      this.#world.note(() => `  outlet ${name}/${outlet} is ${state}`)
      this.machine(this.#ownerOf(name, outlet)).feedsChanged(by)
    }
    this.pdus.set(name, pdu)
  }

  #watch(machine: Machine): void {
    const world = this.#world
    const { name, address } = machine.traits
    machine.notice = () => {
      for (const station of world.stations) {
        const path = this.path(name, `notices ${station.name}`)
        path.send('there', () => station.life?.takeNotice(address))
      }
    }
    machine.ended = (by) => {
      const who = by ? `by ${by.action} (effect ${by.id})` : 'by itself'
      world.note(() => `  ${name}: boot ${machine.boot} has ended ${who}`)
      world.judge.ended(machine, by)
    }
    machine.running = () => world.note(() => `  ${name}: boot ${machine.boot} runs`)
  }
}
