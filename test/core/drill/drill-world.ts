// Runs one test course against the lab's physical models under a virtual clock, exactly as an executor does.
// What is true is read from the models.
import type { Course, Move } from '../../../core/course.ts'
import type { Action, Input } from '../../../core/ladder/ladder.ts'
import type { OperationEnding, PduTestSettings } from '../../../core/operation.ts'
import type { Shot, ShotAnswer } from '../../../core/shot.ts'
import type { LogLook, LogQuestion } from '../../../core/supply-log.ts'
import { runCables, type SupplyCable, type Swap } from '../../../lab/model/cabling.ts'
import { PduModel } from '../../../lab/model/pdu.ts'
import { ServerModel } from '../../../lab/model/server.ts'
import { TYPICAL_SERVER } from '../../../lab/room.ts'
import { seededRandom, VirtualClock } from '../../lab/virtual-clock.ts'

export const SERIAL: PduTestSettings = {
  mode: 'serial',
  offTimeMs: 5000,
  waitTimeMs: 5000,
  leaveUp: false,
}
export const SAME: PduTestSettings = { ...SERIAL, mode: 'same' }

export interface WorldSetup {
  /** Feeds of S1 and S2, each on a PDU of its own. */
  feeds?: number
  swaps?: readonly Swap[]
  /** Becomes of each SNMP SET: done and answered, or one of both lost. */
  fates?: readonly ('done' | 'reply-lost' | 'request-lost')[]
  /** The PDU answers no reads any more from then on, ms after the start. */
  silentFrom?: number | undefined
}

const OUTLET = { S1: 1, S2: 2 } as const
const SENSOR_BASE = 0x50

export class DrillWorld {
  readonly clock = new VirtualClock()
  readonly servers = new Map<string, ServerModel>()
  readonly pdus = new Map<string, PduModel>()
  readonly alarms: string[] = []
  readonly fired: Shot[] = []
  /** Called when an order to cut leaves. */
  cutting: (shot: Shot) => void = () => {}
  course: Course | undefined
  ending: OperationEnding | undefined
  startedAt = 0
  readonly #setup: WorldSetup
  readonly #plan: SupplyCable[] = []
  readonly #cutAtMs = new Map<string, number>()
  #wake: (() => void) | undefined

  constructor(setup: WorldSetup = {}) {
    this.#setup = setup
    const { feeds = 2 } = setup
    for (let place = 0; place < feeds; place++) {
      const pdu = new PduModel(this.pduName(place), 4, this.clock)
      pdu.changed.subscribe(() => this.#feed())
      this.pdus.set(pdu.name, pdu)
    }
    for (const name of ['S1', 'S2'] as const) {
      const server = new ServerModel(
        { ...TYPICAL_SERVER, name, supplies: feeds },
        { clock: this.clock, random: seededRandom(name), sendStopNotice: () => {} },
      )
      this.servers.set(name, server)
      for (let supply = 0; supply < feeds; supply++) {
        this.#plan.push({ server: name, supply, pdu: this.pduName(supply), outlet: OUTLET[name] })
      }
    }
    this.clock.advance(60_000)
    this.startedAt = this.clock.now()
  }

  pduName(place: number): string {
    return `pdu-${'abcd'.charAt(place)}`
  }

  /** Feeds of S1 as a plan has them. */
  get feeds() {
    return this.feedsOf('S1')
  }

  feedsOf(name: string) {
    return this.#plan
      .filter(({ server }) => server === name)
      .map(({ pdu, outlet }) => ({ pdu, outlet, pduAddress: `address of ${pdu}` }))
  }

  /** A reset of another server cuts its feeds, for so short that its BMC lives on and logs it. */
  cutForReset(name: string, forMs: number): void {
    const switchAll = (to: 'on' | 'off') => {
      for (const { pdu, outlet } of this.feedsOf(name)) this.pdu(pdu).order(outlet, to)
    }
    this.#cutAtMs.set(name, this.clock.wallMs())
    switchAll('off')
    this.clock.after(forMs, () => switchAll('on'))
  }

  server(name: string): ServerModel {
    const found = this.servers.get(name)
    if (!found) throw new Error(`no server ${name}`)
    return found
  }

  pdu(name: string): PduModel {
    const found = this.pdus.get(name)
    if (!found) throw new Error(`no PDU ${name}`)
    return found
  }

  get moment() {
    return { ms: this.clock.now(), wall: this.clock.wall() }
  }

  /** Outlets of S1's plan without voltage. */
  get dark(): number {
    return this.feeds.filter(({ pdu, outlet }) => !this.pdu(pdu).live(outlet)).length
  }

  /** `PDU to` of everything that a PDU was told, in order, with seconds since the start. */
  get switched(): string[] {
    return [...this.pdus.values()]
      .flatMap(({ name, orders }) => orders.list().map(({ at, what }) => ({ name, at, ...what })))
      .sort((a, b) => a.at - b.at)
      .map(({ name, to }) => `${name} ${to}`)
  }

  /** Lets the course run until it ended, or for so long. */
  run(move: Move, limitMs = 600_000): OperationEnding {
    this.start(move)
    for (let passed = 0; passed < limitMs && this.course; passed += 10) this.clock.advance(10)
    if (!this.ending) throw new Error(`the course does not end`)
    return this.ending
  }

  start(move: Move): void {
    this.#go(move)
  }

  give(input: Input): void {
    if (this.course) this.#go(this.course.step(input, this.moment))
  }

  #go([course, actions]: Move): void {
    this.course = course
    for (const action of actions) this.#act(course, action)
    this.#wake?.()
    this.#wake = undefined
    const at = this.course?.wakeAt
    if (at === undefined) return
    this.#wake = this.clock.after(at - this.clock.now(), () => {
      this.#wake = undefined
      this.give({ type: 'tick' })
      const next = this.course?.wakeAt
      if (next !== undefined && next <= this.clock.now())
        throw new Error(`woken at ${next} for ever`)
    })
  }

  #act({ server }: Course, action: Action): void {
    const { clock } = this
    switch (action.type) {
      case 'fire':
        return void clock.after(3, () => this.#fire(action.shot))
      case 'look-at-outlets':
        return this.#readOutlets(action)
      case 'look-at-power': {
        const askedAt = clock.now()
        const readAt = clock.wall()
        const base = { askedAt, readAt, session: 1, sessionOpenedAt: 0, detail: '' }
        const { bmc } = this.server(server)
        const up = bmc.state === 'up'
        return void clock.after(up ? 10 : action.timeoutMs, () => {
          const value = !up ? 'silent' : bmc.saysPowerOn() ? 'on' : 'off'
          this.give({ type: 'power', look: { ...base, value, identity: 'proven' } })
        })
      }
      case 'probe': {
        const up = this.server(server).bmc.state === 'up'
        return void clock.after(up ? 10 : action.timeoutMs, () =>
          this.give({ type: 'probed', answered: up }),
        )
      }
      case 'look-at-events':
        return void clock.after(30, () =>
          this.give({ type: 'events', looks: action.logs.map((log) => this.#readLog(log)) }),
        )
      case 'alarm':
        return void this.alarms.push(action.code)
      case 'finish':
        this.ending = action.ending
        return
      case 'end':
        this.course = undefined
        return
      default:
        throw new Error(`a test asked for ${action.type}`)
    }
  }

  #fire(shot: Shot): void {
    if (!this.course?.wants(shot.id) || shot.device.kind !== 'outlet') return
    if (shot.action === 'off') this.cutting(shot)
    this.fired.push(shot)
    const { pdu, outlet } = shot.device
    const { fates = [] } = this.#setup
    const fate = fates[(this.fired.length - 1) % Math.max(1, fates.length)] ?? 'done'
    if (fate === 'request-lost') return
    this.clock.after(20, () => {
      this.pdu(pdu).order(outlet, shot.action === 'on' ? 'on' : 'off')
      const answer: ShotAnswer = 'accepted'
      if (fate === 'done') this.give({ type: 'answered', shot: shot.id, answer, detail: '' })
    })
  }

  #readOutlets({ pdu, outlets, timeoutMs }: Extract<Action, { type: 'look-at-outlets' }>): void {
    const askedAt = this.clock.now()
    const look = { pdu, askedAt, readAt: this.clock.wall(), detail: 'silent' }
    const silentFrom = this.#setup.silentFrom ?? Number.POSITIVE_INFINITY
    if (askedAt - this.startedAt >= silentFrom) {
      const give = () => this.give({ type: 'outlets', look: { ...look, outlets: undefined } })
      this.clock.after(timeoutMs, give)
      return
    }
    this.clock.after(15, () => {
      const read = outlets.map((outlet) => {
        const { position } = this.pdu(pdu).shown(outlet)
        return { outlet, value: position, raw: position }
      })
      this.clock.after(15, () => this.give({ type: 'outlets', look: { ...look, outlets: read } }))
    })
  }

  #readLog({ server, from }: LogQuestion): LogLook {
    const { bmc } = this.server(server)
    const cutAtMs = this.#cutAtMs.get(server)
    const cut = cutAtMs === undefined ? {} : { cutAtMs }
    if (bmc.state !== 'up') return { server, read: undefined, detail: 'no answer in time', ...cut }
    const all = bmc.log.list()
    const end = all.at(-1)?.id ?? 0
    const fresh =
      from === 'all' ? all : from === 'end' ? [] : all.filter(({ id }) => id > from.after)
    const events = fresh.map(({ id, atS, supply, lost }) => ({
      record: id,
      atS,
      sensor: SENSOR_BASE + supply,
      what: 'input lost',
      bad: lost,
    }))
    return {
      server,
      read: { events, end, clock: { bmcS: bmc.timeS, wallMs: this.clock.wallMs() } },
      detail: '',
      ...cut,
    }
  }

  #feed(): void {
    for (const { server, supply, pdu, outlet } of runCables(this.#plan, this.#setup.swaps ?? [])) {
      this.servers.get(server)?.setInput(supply, this.pdu(pdu).live(outlet))
    }
  }
}
