// One world: a site with its machines, one agent, the hub and the clients, under one virtual clock, judged at
// every moment. The same scenario is always the same world.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JournalRecord } from '../../protocol/report.ts'
import { Chance } from './chance.ts'
import { SimDisk } from './disk.ts'
import { STATION } from './draw-faults.ts'
import { apply } from './faults.ts'
import { Hub } from './hub.ts'
import { Judge, type Violation } from './judge.ts'
import { type Keys, makeKeys } from './keys.ts'
import type { Machine } from './machine.ts'
import { NOTHING, type Planted } from './planted.ts'
import { makeCryptoOrderly, quiet } from './quiet.ts'
import { Room } from './room.ts'
import type { Ask, Scenario } from './scenario.ts'
import { signSiteOf } from './site.ts'
import { Station } from './station.ts'
import { Timeline } from './timeline.ts'
import { Trace } from './trace.ts'

const ASK_AGAIN_MS = 1500
/** So long a world is given to come to rest once nothing goes wrong any more. */
const REST_MS = 600_000

export interface Outcome {
  violation: Violation | undefined
  ladders: number
  faults: number
  results: ReadonlyMap<string, number>
  /** Of everything that happened. */
  trace: string
  timeline: readonly string[]
  virtualMs: number
}

export class World {
  readonly time = new Timeline()
  readonly seed: number
  readonly judge: Judge
  readonly hub: Hub
  readonly room: Room
  readonly stations: Station[] = []
  readonly planted: Planted
  readonly keys: Keys
  /** Something was given to an agent or the hub: what it does has to come to rest before time goes on. */
  touched = false
  readonly #scenario: Scenario
  readonly #trace: Trace
  readonly #boots = new Map<string, { at: number; boot: number | undefined }[]>()
  readonly #asked = new Set<string>()
  #faults = 0

  private constructor(scenario: Scenario, keys: Keys, planted: Planted, tells: boolean) {
    this.#scenario = scenario
    this.seed = scenario.seed
    this.keys = keys
    this.planted = planted
    this.#trace = new Trace(tells)
    this.judge = new Judge(this)
    this.hub = new Hub(this)
    const traits = scenario.clusters.flatMap(({ members }) => members.map((each) => each.traits))
    this.room = new Room(this, traits)
  }

  static async play(
    scenario: Scenario,
    { planted = NOTHING, tells = false }: { planted?: Planted; tells?: boolean } = {},
  ): Promise<Outcome> {
    makeCryptoOrderly()
    const keys = await makeKeys(scenario.seed)
    const world = new World(scenario, keys, planted, tells)
    const directory = mkdtempSync(join(tmpdir(), 'palisade-sim-'))
    try {
      world.hub.publish(await signSiteOf(scenario, keys))
      const disk = new SimDisk(new Chance(scenario.seed, 'disk'))
      world.stations.push(new Station(world, STATION, disk, directory))
      await world.#run()
      return world.#outcome()
    } finally {
      for (const { life } of world.stations) life?.end()
      rmSync(directory, { recursive: true, force: true })
    }
  }

  get station(): Station {
    const [station] = this.stations
    if (!station) throw new Error('a world has a management server')
    return station
  }

  /** A line of the timeline; made only when somebody reads it. */
  note(line: () => string): void {
    this.#trace.note(this.time.now, line)
  }

  record(record: JournalRecord): void {
    this.#trace.record(this.time.now, record)
  }

  readonly later = (delayMs: number, act: () => void): void => {
    this.time.after(delayMs, act)
  }

  /** The world goes on for so long while a process stands still in the middle of a turn. */
  goOnDuring(forMs: number): void {
    const { time } = this
    const until = time.now + forMs
    while (time.step(until));
    time.now = until
  }

  /** Which boot could do harm on this machine at that time. */
  bootAt(server: string, at: number): number | undefined {
    return this.#boots.get(server)?.findLast((each) => each.at <= at)?.boot
  }

  async #run(): Promise<void> {
    const { asks, faults, rounds, endsAt } = this.#scenario
    for (const machine of this.room.machines.values()) this.#followBoots(machine)
    for (const fault of faults) {
      this.time.at(fault.at, () => {
        this.#faults += 1
        this.touched = true
        apply(this, fault)
      })
    }
    for (const ask of asks) this.time.at(ask.at, () => this.#ask(ask, ask.at + ask.lifeMs))
    for (const at of rounds) this.time.at(at, () => this.#lookAfter(at))
    this.station.start()
    await this.#goTo(endsAt)
    this.#mend()
    for (let until = endsAt; until < endsAt + REST_MS; until += 5000) {
      await this.#goTo(until)
      if (this.judge.violation || this.#isAtRest()) break
    }
    this.judge.finish()
  }

  async #goTo(untilMs: number): Promise<void> {
    while (!this.judge.violation && this.time.step(untilMs)) {
      if (!this.touched) continue
      this.touched = false
      await quiet()
    }
    if (!this.judge.violation) this.time.now = untilMs
  }

  #followBoots(machine: Machine): void {
    const history: { at: number; boot: number | undefined }[] = [
      { at: Number.NEGATIVE_INFINITY, boot: machine.runningBoot },
    ]
    this.#boots.set(machine.traits.name, history)
    machine.changed = () => history.push({ at: this.time.now, boot: machine.runningBoot })
  }

  /** A client asks with the same key until it is answered. */
  #ask(ask: Ask, untilMs: number): void {
    this.touched = true
    const { key, question, lifeMs } = ask
    if (!this.#asked.has(key)) this.note(() => `${key} is asked for: ${JSON.stringify(question)}`)
    this.#asked.add(key)
    void this.hub.ask(key, question, lifeMs).then((row) => {
      const answered = row && (row.result !== undefined || row.ended)
      if (answered || this.time.now > untilMs) return
      this.later(ASK_AGAIN_MS, () => this.#ask(ask, untilMs))
    })
  }

  /** Somebody brings back what was left off, where nothing is under way. */
  #lookAfter(at: number): void {
    for (const machine of this.room.machines.values()) {
      const { name, feeds } = machine.traits
      if (!machine.off || this.#isBusy(name)) continue
      const anyOff = feeds.some(({ pdu, outlet }) => !this.room.pdu(pdu).isOn(outlet))
      if (anyOff) {
        const question = { kind: 'restore', server: name } as const
        this.#ask({ at, key: `round-${at}-${name}`, question, lifeMs: 10_000 }, this.time.now)
      } else machine.pressOn()
    }
  }

  #isBusy(server: string): boolean {
    const { now } = this.time
    for (const file of this.judge.orders.values()) {
      if (file.server === server && !file.ended) return true
    }
    return this.#scenario.asks.some(
      ({ at, question, lifeMs }) =>
        question.server === server &&
        at < now + 1000 &&
        at + lifeMs + 2000 > now &&
        at > now - 20_000,
    )
  }

  #mend(): void {
    for (const { disk, life } of this.stations) {
      disk.setFull(false)
      disk.trouble.slowMs = 0
      life?.resume()
    }
    this.hub.flow()
  }

  #isAtRest(): boolean {
    for (const { server, ended } of this.judge.orders.values()) {
      if (server !== undefined && !ended) return false
    }
    const { life } = this.station
    if (!life?.journal || life.paused) return false
    return life.journal.acknowledged === life.journal.durable.seq
  }

  #outcome(): Outcome {
    const { violation, ladders, results } = this.judge
    return {
      violation,
      ladders,
      results,
      faults: this.#faults,
      trace: this.#trace.hash(),
      timeline: this.#trace.lines,
      virtualMs: this.time.now,
    }
  }
}
