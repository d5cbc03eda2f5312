// One lab machine with its own PDUs and room for one crash case, and all that reached its devices: the oracle
// of the matrix. It outlives every life of the agent.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChassisAction } from '../../lab/model/chassis.ts'
import { type MachineRoom, openMachineRoom, type RoomDescription } from '../../lab/room.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { cast, type Machine } from '../agent/lab-machines.ts'
import type { AgentChild } from './agent-child.ts'
import { AGENT, HubStandIn, SITE } from './hub-stand-in.ts'

/** A command that reached a device, or a look that it answered. */
export interface Touch {
  /** Monotonic ms. */
  at: number
  /** `bmc` or `PDU/OUTLET`. */
  device: string
  /** The command, or what the look was told: on or off. */
  what: string
}

export interface Boot {
  at: number
  state: string
  bootId: string | undefined
}

/** Machines of the matrix start fast, so that its time goes into ladders. */
const QUICK = { bmcBootMs: 800, holdUpMs: 100, bootMs: 500 }
const NAME = 'M1'
const READY_WITHIN_MS = 30_000
const RUNS_WITHIN_MS = 10_000

export class Stand {
  readonly room: MachineRoom
  readonly hub: HubStandIn
  readonly directory = mkdtempSync(join(tmpdir(), 'palisade-crash-'))
  readonly acts: Touch[] = []
  readonly looks: Touch[] = []
  readonly boots: Boot[] = []
  /** Called when a command has reached a device, before it does anything. */
  reached: (act: number) => void = () => {}

  private constructor(room: MachineRoom, hub: HubStandIn) {
    this.room = room
    this.hub = hub
    this.#watch()
  }

  static async open(machine: Omit<Machine, 'name'>): Promise<Stand> {
    const made = cast([{ ...machine, name: NAME, ownPdus: true }])
    const secrets = new Map(
      made.secretNames.map((name) => [name, Buffer.from(nodeRandom.bytes(10)).toString('hex')]),
    )
    const room = await openMachineRoom(quick(made.room(secrets)), {
      clock: nodeClock,
      random: nodeRandom,
    })
    const hub = await HubStandIn.make(made, room, secrets)
    return new Stand(room, hub)
  }

  get server(): string {
    return NAME
  }

  get model() {
    return this.room.getServer(NAME).model
  }

  get pdus() {
    return [...this.room.pdus.values()]
  }

  /** The models of its outlets, in the order of the feeds. */
  get outlets() {
    return this.pdus.map(({ model }) => ({ model, outlet: 1 }))
  }

  /** What every life of its agent is started with. */
  get start() {
    return {
      directory: this.directory,
      site: SITE,
      agent: AGENT,
      bootId: 'boot-1',
      controlPlaneJwk: this.hub.publicJwk,
      siteJwk: this.hub.siteJwk,
    }
  }

  /** Gives the agent its site; resolves when it has read every device and the machine runs. */
  async ready(life: AgentChild): Promise<void> {
    life.say({ type: 'site', token: this.hub.siteToken })
    const saw = (attribute: string, value: string) =>
      life.records.filter(
        (record) =>
          record.kind === 'observed' && record.attribute === attribute && record.value === value,
      ).length
    const seen = await life.until('every device is read', READY_WITHIN_MS, () => {
      return saw('power', 'pon') > 0 && saw('state', 'Enable') >= this.pdus.length
    })
    if (!seen) throw new Error(`the agent died before the order: ${life.failure}`)
    await this.runs()
  }

  /** Resolves when the machine runs. */
  async runs(): Promise<void> {
    const { os } = this.model
    for (const end = nodeClock.now() + RUNS_WITHIN_MS; os.state !== 'running'; await pause(25)) {
      if (nodeClock.now() > end) throw new Error(`${NAME} does not run but is ${os.state}`)
    }
  }

  async close(): Promise<void> {
    await this.room.close()
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 })
  }

  #watch(): void {
    const { bmc, os } = this.model
    const boot = () => {
      this.boots.push({ at: nodeClock.now(), state: os.state, bootId: os.bootId })
    }
    boot()
    os.changed.subscribe(boot)
    const control = bmc.control.bind(bmc)
    bmc.control = (action: ChassisAction) => {
      this.#act('bmc', action)
      return control(action)
    }
    const says = bmc.saysPowerOn.bind(bmc)
    bmc.saysPowerOn = () => {
      const on = says()
      this.#look('bmc', on ? 'on' : 'off')
      return on
    }
    for (const { name, model } of this.pdus) {
      const order = model.order.bind(model)
      model.order = (outlet, to) => {
        this.#act(`${name}/${outlet}`, to)
        order(outlet, to)
      }
      const shown = model.shown.bind(model)
      model.shown = (outlet) => {
        const answer = shown(outlet)
        this.#look(`${name}/${outlet}`, answer.position)
        return answer
      }
    }
  }

  #act(device: string, what: string): void {
    this.acts.push({ at: nodeClock.now(), device, what })
    this.reached(this.acts.length)
  }

  #look(device: string, what: string): void {
    this.looks.push({ at: nodeClock.now(), device, what })
  }
}

function quick({ servers, pdus }: RoomDescription): RoomDescription {
  const { bmcBootMs, holdUpMs, bootMs } = QUICK
  return {
    pdus,
    servers: servers.map((server) => {
      const { os, ...physical } = server.physical ?? {}
      const faster = os && { ...os, bootMs }
      return {
        ...server,
        physical: { bmcBootMs, holdUpMs, ...physical, ...(faster ? { os: faster } : {}) },
      }
    }),
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => nodeClock.after(ms, resolve))
}
